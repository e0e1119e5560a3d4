/* The electorate against a plain model: an array indexed by the voter's number. Each
 * allocation of the tested code is made to fail, and bytes are counted. */
#include "ledger/blocks.h"
#include "ledger/electorate.h"
#include "tests/support/allocation.h"
#include "tests/support/mix.h"
#include "tests/support/scale.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

/* A block that the electorate takes, one that its thread makes ahead, and a directory. */
enum { SLACK_BYTES = 2 * BLOCK_BYTES + (1 << 16) };

static struct hash hash_of(uint64_t voter)
{
    return (struct hash){.high = mix(2 * voter), .low = mix(2 * voter + 1)};
}

static struct vote vote_of(uint64_t seq)
{
    return vote_make(seq, (uint32_t)(seq % 7 + 1), mix(seq));
}

static void set(struct electorate *electorate, struct hash voter, struct vote vote)
{
    MUST(electorate_set(electorate, voter, vote, NULL) == 0);
}

static void assert_vote(struct vote vote, struct vote expected)
{
    MUST(vote.seq == expected.seq);
    MUST(vote.value == expected.value);
    MUST(vote.proof == expected.proof);
}

START_TEST(an_empty_one_knows_nobody)
{
    struct electorate *electorate = electorate_new(0);
    assert_vote(electorate_find(electorate, hash_of(1)), (struct vote){0});
    assert_vote(electorate_find(electorate, (struct hash){0}), (struct vote){0});
    ck_assert_uint_eq(electorate_count(electorate), 0);
    electorate_free(electorate);
    electorate_free(NULL);
}
END_TEST

START_TEST(set_gives_the_vote_before)
{
    struct electorate *electorate = electorate_new(0);
    struct vote before = vote_of(99);
    ck_assert_int_eq(electorate_set(electorate, hash_of(1), vote_of(5), &before), 0);
    assert_vote(before, (struct vote){0});
    ck_assert_int_eq(electorate_set(electorate, hash_of(1), vote_of(6), &before), 0);
    assert_vote(before, vote_of(5));
    assert_vote(electorate_find(electorate, hash_of(1)), vote_of(6));
    ck_assert_uint_eq(electorate_count(electorate), 1);
    electorate_free(electorate);
}
END_TEST

START_TEST(forgetting_and_undoing)
{
    struct electorate *electorate = electorate_new(0);
    struct vote before;
    const struct vote none = {0};
    ck_assert_int_eq(electorate_set(electorate, hash_of(1), none, &before), 0);
    assert_vote(before, none);
    ck_assert_uint_eq(electorate_count(electorate), 0); /* a stranger isn't worth an entry */

    set(electorate, hash_of(1), vote_of(5));
    ck_assert_int_eq(electorate_set(electorate, hash_of(1), vote_of(6), &before), 0);
    set(electorate, hash_of(1), before);
    assert_vote(electorate_find(electorate, hash_of(1)), vote_of(5));

    ck_assert_int_eq(electorate_set(electorate, hash_of(1), none, &before), 0);
    assert_vote(before, vote_of(5));
    assert_vote(electorate_find(electorate, hash_of(1)), none);
    ck_assert_uint_eq(electorate_count(electorate), 0);
    ck_assert_int_eq(electorate_set(electorate, hash_of(1), vote_of(7), &before), 0);
    assert_vote(before, none);
    assert_vote(electorate_find(electorate, hash_of(1)), vote_of(7));
    ck_assert_uint_eq(electorate_count(electorate), 1);
    electorate_free(electorate);
}
END_TEST

START_TEST(the_widest_vote_fits)
{
    struct electorate *electorate = electorate_new(0);
    struct vote widest = vote_make(UINT64_MAX, UINT32_MAX, UINT64_MAX);
    ck_assert_uint_eq(widest.seq, ENTRY_SEQ_MAX);
    ck_assert_uint_eq(widest.value, ENTRY_VALUE_MAX);
    set(electorate, hash_of(1), widest);
    assert_vote(electorate_find(electorate, hash_of(1)), widest);
    electorate_free(electorate);
}
END_TEST

/* Loop tests: with no hint, a small one, and a good one. */
static const size_t hints[] = {0, 10000, 1000000};

START_TEST(a_million_voters_agree_with_the_model)
{
    const uint64_t voters = scaled(1000000);
    struct electorate *electorate = electorate_new(hints[_i]);
    struct vote *model = calloc(voters, sizeof *model);
    ck_assert_ptr_nonnull(electorate);
    ck_assert_ptr_nonnull(model);
    for (uint64_t step = 1; step <= 3 * voters; step++) {
        uint64_t voter = mix(step) % voters;
        struct vote vote = mix(~step) % 8 == 0 ? (struct vote){0} : vote_of(step);
        struct vote before;
        electorate_prefetch(electorate, hash_of(voter));
        MUST(electorate_set(electorate, hash_of(voter), vote, &before) == 0);
        MUST(before.seq == model[voter].seq && before.value == model[voter].value);
        model[voter] = vote;
    }
    size_t known = 0;
    for (uint64_t voter = 0; voter < voters; voter++) {
        struct vote vote = electorate_find(electorate, hash_of(voter));
        MUST(vote.seq == model[voter].seq && vote.value == model[voter].value);
        known += vote.seq != 0;
    }
    for (uint64_t stranger = voters; stranger < voters + 1000; stranger++)
        MUST(electorate_find(electorate, hash_of(stranger)).seq == 0);
    ck_assert_uint_eq(electorate_count(electorate), known);
    free(model);
    electorate_free(electorate);
}
END_TEST

/* What shares so many top bits can't be told apart by the directory at any sensible size. */
static const unsigned shared_bits[] = {20, 30, 40};

START_TEST(equal_top_bits_do_not_blow_up_the_directory)
{
    enum { VOTERS = 100000 };
    struct electorate *electorate = electorate_new(0);
    size_t bytes_before = allocations.bytes;
    for (uint64_t voter = 0; voter < VOTERS; voter++) {
        struct hash hash = hash_of(voter);
        hash.high >>= shared_bits[_i];
        set(electorate, hash, vote_of(voter + 1));
    }
    ck_assert_uint_eq(electorate_count(electorate), VOTERS);
    for (uint64_t voter = 0; voter < VOTERS; voter++) {
        struct hash hash = hash_of(voter);
        hash.high >>= shared_bits[_i];
        assert_vote(electorate_find(electorate, hash), vote_of(voter + 1));
    }
    /* Twelve times the entries themselves, over all sizes that a segment had on the way. */
    ck_assert_uint_le(allocations.bytes - bytes_before, 12 * 24 * VOTERS);

    /* Others, with top bits of their own, still get in. */
    for (uint64_t voter = VOTERS; voter < 2 * VOTERS; voter++)
        set(electorate, hash_of(voter), vote_of(voter + 1));
    for (uint64_t voter = VOTERS; voter < 2 * VOTERS; voter++)
        assert_vote(electorate_find(electorate, hash_of(voter)), vote_of(voter + 1));
    electorate_free(electorate);
}
END_TEST

/* Fills the table until an insert allocates, with every allocation of that insert failing once. */
START_TEST(a_failed_allocation_changes_nothing)
{
    struct electorate *electorate = electorate_new(0);
    unsigned failures = 0;
    uint64_t voter = 0;
    for (; voter < 100000; voter++) {
        struct hash hash = hash_of(voter);
        if (_i == 1) /* segments that can only grow */
            hash.high >>= 40;
        struct vote before = vote_of(77);
        int result = -1;
        for (long left = 0; result != 0; left++) {
            MUST(left < 50);
            allocations_fail_after(left);
            result = electorate_set(electorate, hash, vote_of(voter + 1), &before);
            allocations_succeed();
            if (result == 0)
                break;
            failures++;
            MUST(result == -1);
            assert_vote(before, vote_of(77)); /* not written */
            MUST(electorate_count(electorate) == voter);
            MUST(electorate_find(electorate, hash).seq == 0);
        }
    }
    ck_assert_uint_ge(failures, 4);
    while (voter-- > 0) {
        struct hash hash = hash_of(voter);
        if (_i == 1)
            hash.high >>= 40;
        assert_vote(electorate_find(electorate, hash), vote_of(voter + 1));
    }
    electorate_free(electorate);
}
END_TEST

START_TEST(replacing_and_forgetting_need_no_memory)
{
    struct electorate *electorate = electorate_new(0);
    for (uint64_t voter = 0; voter < 10000; voter++)
        set(electorate, hash_of(voter), vote_of(voter + 1));
    allocations_fail_after(0);
    for (uint64_t voter = 0; voter < 10000; voter++) {
        set(electorate, hash_of(voter), vote_of(voter + 2));
        set(electorate, hash_of(voter), (struct vote){0});
        set(electorate, hash_of(voter), vote_of(voter + 3));
        set(electorate, hash_of(voter + 10000), (struct vote){0});
    }
    allocations_succeed();
    ck_assert_uint_eq(electorate_count(electorate), 10000);
    electorate_free(electorate);
}
END_TEST

/* As a disk that is full for long refuses them: the batches of new voters that are taken back. */
START_TEST(forgotten_voters_take_no_room)
{
    enum { VOTERS = 10000, ROUNDS = 1000 };
    struct electorate *electorate = electorate_new(0);
    for (uint64_t voter = 0; voter < VOTERS; voter++)
        set(electorate, hash_of(voter), vote_of(voter + 1));
    allocations_fail_after(0);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t first = round * VOTERS;
        unsigned few = 0; /* so few that no segment is full of them */
        for (; few < 10; few++)
            set(electorate, hash_of(first + few), vote_of(7));
        while (few-- > 0)
            set(electorate, hash_of(first + few), (struct vote){0});
    }
    allocations_succeed();
    ck_assert_uint_eq(electorate_count(electorate), VOTERS);
    for (uint64_t voter = 0; voter < VOTERS; voter++)
        assert_vote(electorate_find(electorate, hash_of(voter)), vote_of(voter + 1));
    electorate_free(electorate);
}
END_TEST

/* Searches that begin at the same slot, near a segment's end and around it: whoever is forgotten,
 * the others are found, and a stranger's search ends. */
START_TEST(whoever_is_forgotten_the_others_are_found)
{
    enum { VOTERS = 48, SLOTS = 4096 };
    const uint64_t step = 1 + (unsigned)_i;
    for (uint64_t forgotten = 0; forgotten < VOTERS; forgotten++) {
        struct electorate *electorate = electorate_new(0);
        struct hash voters[VOTERS];
        for (uint64_t i = 0; i < VOTERS; i++) {
            voters[i] = (struct hash){.high = mix(i) >> 20, .low = SLOTS - 16 + i / 3};
            set(electorate, voters[i], vote_of(i + 1));
        }
        for (uint64_t i = forgotten; i < VOTERS; i += step) {
            set(electorate, voters[i], (struct vote){0});
            for (uint64_t j = 0; j < VOTERS; j++) {
                bool is_gone = j >= forgotten && j <= i && (j - forgotten) % step == 0;
                assert_vote(electorate_find(electorate, voters[j]),
                            is_gone ? (struct vote){0} : vote_of(j + 1));
            }
        }
        electorate_free(electorate);
    }
}
END_TEST

START_TEST(new_fails_whole)
{
    for (long left = 0; left < 12; left++) {
        allocations_fail_after(left);
        struct electorate *electorate = electorate_new(10000);
        allocations_succeed();
        if (electorate != NULL) {
            ck_assert_int_gt(left, 2);
            electorate_free(electorate);
            return;
        }
    }
    ck_abort_msg("electorate_new(10000) wants more than 12 allocations");
}
END_TEST

/* The table's point: no insert moves more than one segment's entries, so none allocates more than
 * two new ones and a directory. */
START_TEST(growth_comes_in_small_steps)
{
    struct electorate *electorate = electorate_new(0);
    size_t largest = 0;
    for (uint64_t voter = 0, voters = scaled(1000000); voter < voters; voter++) {
        size_t before = allocations.bytes;
        set(electorate, hash_of(voter), vote_of(voter + 1));
        if (allocations.bytes - before > largest)
            largest = allocations.bytes - before;
    }
    /* A block is for 21 segments, of which a split takes one. */
    ck_assert_uint_ge(largest, BLOCK_BYTES);
    ck_assert_uint_le(largest, SLACK_BYTES);
    electorate_free(electorate);
}
END_TEST

/* At any number of voters. A directory is twice the one before. */
START_TEST(growth_takes_no_more_than_it_needs)
{
    const size_t voters = scaled(1000000);
    struct electorate *electorate = electorate_new(0);
    size_t bytes_before = allocations.bytes, directory_bytes = 2 * sizeof(void *);
    allocations.malloc_bytes = directory_bytes;
    for (uint64_t voter = 0; voter < voters; voter++) {
        set(electorate, hash_of(voter), vote_of(voter + 1));
        MUST(allocations.malloc_bytes == directory_bytes ||
             allocations.malloc_bytes == 2 * directory_bytes);
        directory_bytes = allocations.malloc_bytes;
        MUST(allocations.bytes - bytes_before <= 45 * voter + SLACK_BYTES);
    }
    electorate_free(electorate);
}
END_TEST

/* While the voters double, each tenth of that takes as much memory as any other, but for a block.
 */
START_TEST(growth_is_spread_evenly)
{
    enum { VOTERS = 500000, WINDOWS = 10 };
    struct electorate *electorate = electorate_new(0);
    uint64_t voter = 0;
    while (voter < VOTERS)
        set(electorate, hash_of(voter++), vote_of(1));
    for (uint64_t window = 1; window <= WINDOWS; window++) {
        size_t bytes_before = allocations.bytes;
        while (voter < VOTERS + window * (VOTERS / WINDOWS))
            set(electorate, hash_of(voter++), vote_of(1));
        ck_assert_uint_le(allocations.bytes - bytes_before, 45 * (VOTERS / WINDOWS) + SLACK_BYTES);
    }
    electorate_free(electorate);
}
END_TEST

/* The bytes that so many voters take in the end, and those that are taken after the start. */
static size_t measure(size_t voters, size_t hint, size_t *later)
{
    size_t before = allocations.bytes;
    struct electorate *electorate = electorate_new(hint);
    size_t begun = allocations.bytes;
    for (uint64_t voter = 0; voter < voters; voter++)
        set(electorate, hash_of(voter), vote_of(voter + 1));
    *later = allocations.bytes - begun;
    size_t all = allocations.bytes - before;
    electorate_free(electorate);
    return all;
}

static const size_t hinted[] = {71000, 98000, 142000, 200000, 500000};

START_TEST(a_hint_saves_splits_and_takes_no_more)
{
    size_t later, later_without;
    size_t without = measure(hinted[_i], 0, &later_without);
    size_t with = measure(hinted[_i], hinted[_i], &later);
    ck_assert_uint_le(with, without + SLACK_BYTES);
    ck_assert_uint_le(later, later_without / 2 + SLACK_BYTES);
}
END_TEST

START_TEST(a_hint_out_of_all_proportion_is_bounded)
{
    size_t bytes_before = allocations.bytes;
    allocations_fail_after(2); /* itself and the directory, but no segment */
    struct electorate *electorate = electorate_new(SIZE_MAX);
    allocations_succeed();
    size_t bytes = allocations.bytes - bytes_before;
    ck_assert_ptr_null(electorate);
    ck_assert_uint_ge(bytes, sizeof(void *) << 16);
    ck_assert_uint_lt(bytes, sizeof(void *) << 17);
}
END_TEST

/* Voters whose segments are split, who are all in one that grows, and so many that memory is made
 * ahead. At most so many blocks are in use: itself, the directory, blocks, and segments that are
 * larger than usual. */
static const struct {
    uint64_t voters, mask; /* of hash.high */
    long most;
} memories[] = {
    {100000, UINT64_MAX, 2 + 4}, {100000, 0xffffff, 2 + 2}, {500000, UINT64_MAX, 2 + 13}};

START_TEST(everything_is_given_back)
{
    long before = allocations.blocks;
    struct electorate *electorate = electorate_new(0);
    for (uint64_t voter = 0; voter < memories[_i].voters; voter++) {
        struct hash hash = hash_of(voter);
        hash.high &= memories[_i].mask;
        set(electorate, hash, vote_of(voter + 1));
    }
    MUST(allocations.blocks - before <= memories[_i].most);
    electorate_free(electorate);
    MUST(allocations.blocks == before);
    for (long left = 0; left < 3; left++) {
        allocations_fail_after(left);
        MUST(electorate_new(10000) == NULL);
        allocations_succeed();
        MUST(allocations.blocks == before);
    }
}
END_TEST

UNIT_MAIN("electorate",
          {"small", .tests = {{an_empty_one_knows_nobody},
                              {set_gives_the_vote_before},
                              {forgetting_and_undoing},
                              {whoever_is_forgotten_the_others_are_found, .loops = 5},
                              {the_widest_vote_fits}}},
          {"large", .timeout_s = 60,
           .tests = {{a_million_voters_agree_with_the_model, .loops = 3},
                     {equal_top_bits_do_not_blow_up_the_directory,
                      .loops = UNIT_COUNT(shared_bits)},
                     {growth_comes_in_small_steps},
                     {growth_takes_no_more_than_it_needs},
                     {growth_is_spread_evenly},
                     {a_hint_saves_splits_and_takes_no_more, .loops = UNIT_COUNT(hinted)}}},
          {"memory", .timeout_s = 60,
           .tests = {{a_failed_allocation_changes_nothing, .loops = 2},
                     {replacing_and_forgetting_need_no_memory},
                     {forgotten_voters_take_no_room},
                     {new_fails_whole},
                     {a_hint_out_of_all_proportion_is_bounded},
                     {everything_is_given_back, .loops = UNIT_COUNT(memories)}}})
