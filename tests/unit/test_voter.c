/* Voters' hashes, which are durable and so pinned to known values, and the key's file. */
#include "poll/voter.h"

#include "tests/support/capture.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- calls that can be made to fail ---- */

static long calls_left = -1; /* until one fails; -1 is never */
static int failure_errno;

static bool fails(void)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    errno = failure_errno;
    return true;
}

WRAP(fails(), -1, int, mkostemp, (char *name, int flags), (name, flags))
WRAP(fails(), -1, ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(fails(), -1, int, fsync, (int fd), (fd))
WRAP(fails(), -1, int, link, (const char *from, const char *to), (from, to))
WRAP(fails(), -1, ssize_t, getrandom, (void *bytes, size_t len, unsigned flags),
     (bytes, len, flags))
WRAP_OPEN(fails())

/* Linux closes the descriptor whatever close returns. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    __real_close(fd);
    return fails() ? -1 : 0;
}

static bool in_pieces;   /* a read gives one byte */
static bool reads_a_log; /* not a key */

ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
    if (fails())
        return -1;
    ck_assert(len <= 129 || reads_a_log); /* never more than there is room for */
    return __real_read(fd, bytes, in_pieces ? 1 : len);
}

/* ---- the tests ---- */

static const struct voter_key key = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

static char directory[TEMPORARY_MAX];
static char path[TEMPORARY_MAX + 32];
static char why[256];

static void make_directory(void)
{
    temporary_directory(directory, "tallycast-voter");
    snprintf(path, sizeof path, "%s/tallycast.db.key", directory);
    why[0] = '\0';
}

static void remove_directory(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else was left there */
}

static bool same(struct hash a, struct hash b)
{
    return a.high == b.high && a.low == b.low;
}

static struct hash hash_name(enum voter_hash_kind kind, uint32_t poll, const char *name)
{
    return voter_hash(&key, kind, poll, name, strlen(name));
}

static void write_file(const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
}

/* SipHash-2-4-128 by another implementation. The databases that exist hold such values: if this
 * test fails, the code is wrong, never the test. */
START_TEST(hashes_never_change)
{
    struct hash hash = hash_name(VOTER_HASH_VOTER, 7, "alice");
    ck_assert_uint_eq(hash.high, UINT64_C(0x8ecab97a36181644));
    ck_assert_uint_eq(hash.low, UINT64_C(0xac9d223b069ff04e));
    hash = voter_key_check(&key);
    ck_assert_uint_eq(hash.high, UINT64_C(0x2996467250724a93));
    ck_assert_uint_eq(hash.low, UINT64_C(0x7e38b520f2487cce));
}
END_TEST

START_TEST(kind_poll_name_and_key_all_count)
{
    struct voter_key other = key;
    struct hash hash = hash_name(VOTER_HASH_VOTER, 1, "alice");
    other.bytes[15] ^= 1;
    ck_assert(same(hash, hash_name(VOTER_HASH_VOTER, 1, "alice")));
    ck_assert(!same(hash, hash_name(VOTER_HASH_KEY, 1, "alice")));
    ck_assert(!same(hash, hash_name(VOTER_HASH_VOTER, 2, "alice")));
    ck_assert(!same(hash, hash_name(VOTER_HASH_VOTER, 1 << 24, "alice")));
    ck_assert(!same(hash, hash_name(VOTER_HASH_VOTER, 1, "Alice")));
    ck_assert(!same(hash, hash_name(VOTER_HASH_VOTER, 1, "alic")));
    ck_assert(!same(hash, voter_hash(&key, VOTER_HASH_VOTER, 1, "alice", 6)));
    ck_assert(!same(hash, voter_hash(&other, VOTER_HASH_VOTER, 1, "alice", 5)));
    ck_assert(!same(voter_key_check(&key), voter_key_check(&other)));
}
END_TEST

START_TEST(the_longest_name_counts_to_its_end)
{
    char name[128];
    memset(name, 'x', sizeof name);
    struct hash hash = voter_hash(&key, VOTER_HASH_VOTER, 1, name, sizeof name);
    name[127] = 'y';
    ck_assert(!same(hash, voter_hash(&key, VOTER_HASH_VOTER, 1, name, sizeof name)));
}
END_TEST

START_TEST(hashes_are_stored_big_endian)
{
    unsigned char bytes[HASH_BYTES];
    struct hash hash = {.high = UINT64_C(0x0102030405060708), .low = UINT64_C(0x090a0b0c0d0e0f10)};
    hash_to_bytes(hash, bytes);
    for (unsigned i = 0; i < HASH_BYTES; i++)
        ck_assert_uint_eq(bytes[i], i + 1);
    ck_assert(same(hash_from_bytes(bytes), hash));
}
END_TEST

START_TEST(a_key_that_was_made_can_be_read)
{
    struct voter_key made;
    struct voter_key read_back;
    struct stat status;
    ck_assert_int_eq(voter_key_read(path, &read_back, why, sizeof why), VOTER_KEY_MISSING);
    ck_assert_int_eq(voter_key_create(path, &made, why, sizeof why), 0);
    ck_assert_int_eq(voter_key_read(path, &read_back, why, sizeof why), VOTER_KEY_READ);
    ck_assert_mem_eq(&made, &read_back, sizeof made);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(status.st_size, 33);
    ck_assert_uint_eq(status.st_nlink, 1);
}
END_TEST

START_TEST(keys_are_random)
{
    struct voter_key first;
    struct voter_key second;
    ck_assert_int_eq(voter_key_create(path, &first, why, sizeof why), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(voter_key_create(path, &second, why, sizeof why), 0);
    ck_assert_mem_ne(&first, &second, sizeof first);
}
END_TEST

START_TEST(an_existing_key_is_never_overwritten)
{
    struct voter_key first;
    struct voter_key other;
    ck_assert_int_eq(voter_key_create(path, &first, why, sizeof why), 0);
    ck_assert_int_eq(voter_key_create(path, &other, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, path));
    ck_assert_ptr_nonnull(strstr(why, strerror(EEXIST)));
    ck_assert_int_eq(voter_key_read(path, &other, why, sizeof why), VOTER_KEY_READ);
    ck_assert_mem_eq(&first, &other, sizeof first);
}
END_TEST

/* The key's own name fits, and that under which it is made first does not. */
START_TEST(a_key_needs_room_for_its_first_name)
{
    struct voter_key unused;
    char name[PATH_MAX], said[PATH_MAX + sizeof why];
    size_t len = strlen(directory);
    memcpy(name, directory, len);
    while (len + 2 < PATH_MAX - sizeof "key")
        len += (size_t)sprintf(name + len, "/.");
    snprintf(name + len, sizeof name - len, "/key");
    ck_assert_int_eq(voter_key_create(name, &unused, said, sizeof said), -1);
    ck_assert_msg(strstr(said, strerror(ENAMETOOLONG)), "said: %s", said);
}
END_TEST

START_TEST(a_key_needs_its_directory)
{
    struct voter_key unused;
    char nowhere[TEMPORARY_MAX + 16];
    snprintf(nowhere, sizeof nowhere, "%s/none/key", directory);
    ck_assert_int_eq(voter_key_create(nowhere, &unused, why, sizeof why), -1);
    ck_assert_ptr_nonnull(strstr(why, nowhere));
}
END_TEST

START_TEST(a_relative_path_is_synced_where_it_is)
{
    struct voter_key made;
    ck_assert_int_eq(chdir(directory), 0); /* of this test's process only */
    ck_assert_int_eq(voter_key_create("tallycast.db.key", &made, why, sizeof why), 0);
    ck_assert_int_eq(access(path, R_OK), 0);
}
END_TEST

#define DIGITS "00112233445566778899aAbBcCdDeEfF"

static const struct text {
    const char *text;
    size_t len;
} edited[] = {
    {DIGITS "\n", 33},
    {DIGITS, 32},
    {DIGITS "\r\n", 34},
    {DIGITS "\n\n\n", 35},
    {"\xef\xbb\xbf" DIGITS "\r\n", 37},
    {" \t" DIGITS " ", 35},
};

START_TEST(a_key_file_may_have_gone_through_an_editor)
{
    struct voter_key read_back;
    write_file(edited[_i].text, edited[_i].len);
    ck_assert_int_eq(voter_key_read(path, &read_back, why, sizeof why), VOTER_KEY_READ);
    for (unsigned i = 0; i < VOTER_KEY_BYTES; i++)
        ck_assert_uint_eq(read_back.bytes[i], 0x11 * i);
}
END_TEST

static const struct text damaged[] = {
    {"", 0},
    {"\n", 1},
    {"\xef\xbb\xbf", 3},
    {"\xef\xbb" DIGITS, 34},
    {DIGITS "0", 33},
    {DIGITS "00\n", 35},
    {DIGITS "\n" DIGITS "\n", 66},
    {"0" DIGITS, 33},
    {"0011223344556677 8899aabbccddeef\n", 33},
    {"00112233445566778899aabbccddeefg\n", 33},
    {"00112233445566778899aabbccddeef\0\n", 33},
    {"\xff\xfe"
     "0\0"
     "0\0"
     "1\0",
     8},
};

/* The longest that is taken is full of blanks, and one more is too many. */
START_TEST(a_key_file_has_an_end)
{
    struct voter_key unused;
    char text[130];
    snprintf(text, sizeof text, "%s%97s", DIGITS, "");
    write_file(text, 128);
    ck_assert_int_eq(voter_key_read(path, &unused, why, sizeof why), VOTER_KEY_READ);
    write_file(text, 129);
    ck_assert_int_eq(voter_key_read(path, &unused, why, sizeof why), VOTER_KEY_FAILED);
}
END_TEST

START_TEST(a_damaged_key_file_is_told_by_name)
{
    struct voter_key unused;
    write_file(damaged[_i].text, damaged[_i].len);
    ck_assert_int_eq(voter_key_read(path, &unused, why, sizeof why), VOTER_KEY_FAILED);
    ck_assert_ptr_nonnull(strstr(why, path));
    ck_assert_ptr_nonnull(strstr(why, "damaged"));
    ck_assert_ptr_null(strstr(why, "0011")); /* nothing of the key gets into a log */
}
END_TEST

START_TEST(a_key_file_that_others_may_read_is_told)
{
    static const mode_t modes[] = {0600, 0400, 0640, 0604, 0644};
    struct voter_key read_back;
    char told[1024];
    write_file(DIGITS "\n", 33);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        chmod(path, modes[i]);
        struct capture capture = capture_begin();
        enum voter_key_result result = voter_key_read(path, &read_back, why, sizeof why);
        reads_a_log = true;
        capture_end(&capture, told, sizeof told);
        reads_a_log = false;
        ck_assert_int_eq(result, VOTER_KEY_READ);
        ck_assert_msg(!!strstr(told, path) == ((modes[i] & 077) != 0), "%o: %s", modes[i], told);
    }
}
END_TEST

START_TEST(what_is_no_file_is_no_key)
{
    struct voter_key unused;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(voter_key_read(path, &unused, why, sizeof why), VOTER_KEY_FAILED);
    ck_assert_msg(strstr(why, path) && strstr(why, "not a regular file"), "%s", why);
}
END_TEST

START_TEST(what_cannot_be_read_is_told_by_name)
{
    struct voter_key unused;
    ck_assert_int_eq(voter_key_read(directory, &unused, why, sizeof why), VOTER_KEY_FAILED);
    ck_assert_ptr_nonnull(strstr(why, directory));
    ck_assert_ptr_nonnull(strstr(why, strerror(EISDIR)));
}
END_TEST

/* Each call of the key's making fails in turn. It says so, and there is no key, and no part of one;
 * or, from the link on, there is a whole one, which the next start reads. */
START_TEST(making_a_key_fails_cleanly)
{
    struct voter_key made, read_back;
    int failures = 0;
    failure_errno = EIO;
    for (long n = 0;; n++) {
        why[0] = '\0';
        calls_left = n;
        int result = voter_key_create(path, &made, why, sizeof why);
        bool failed = calls_left < 0;
        calls_left = -1;
        if (result != 0) {
            failures++;
            ck_assert_ptr_nonnull(strstr(why, path));
            ck_assert_ptr_nonnull(strstr(why, strerror(EIO)));
        }
        if (voter_key_read(path, &read_back, why, sizeof why) == VOTER_KEY_READ)
            ck_assert_mem_eq(&made, &read_back, sizeof made);
        else
            ck_assert_int_ne(result, 0);
        unlink(path);
        ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left */
        ck_assert_int_eq(mkdir(directory, 0700), 0);
        if (!failed)
            break;
    }
    /* Random bytes, the file, its bytes, their sync, the close, the link; of the directory, open
     * and sync. */
    ck_assert_int_eq(failures, 8);
}
END_TEST

START_TEST(reading_a_key_fails_cleanly)
{
    struct voter_key read_back;
    int failures = 0;
    write_file(DIGITS "\n", 33);
    failure_errno = EIO;
    for (long n = 0;; n++) {
        calls_left = n;
        enum voter_key_result result = voter_key_read(path, &read_back, why, sizeof why);
        bool failed = calls_left < 0;
        calls_left = -1;
        if (result == VOTER_KEY_FAILED) {
            failures++;
            ck_assert_ptr_nonnull(strstr(why, path));
            ck_assert_ptr_nonnull(strstr(why, strerror(EIO)));
        } else {
            ck_assert_int_eq(result, VOTER_KEY_READ);
        }
        if (!failed)
            break;
    }
    ck_assert_int_eq(failures, 3); /* open, the read of the digits, and that of the end */
}
END_TEST

START_TEST(an_interrupted_call_is_made_again)
{
    struct voter_key made, read_back;
    failure_errno = EINTR;
    calls_left = 2; /* the write */
    ck_assert_int_eq(voter_key_create(path, &made, why, sizeof why), 0);
    ck_assert_int_lt(calls_left, 0);
    calls_left = 1; /* the read */
    ck_assert_int_eq(voter_key_read(path, &read_back, why, sizeof why), VOTER_KEY_READ);
    ck_assert_int_lt(calls_left, 0);
    ck_assert_mem_eq(&made, &read_back, sizeof made);
}
END_TEST

START_TEST(a_path_that_is_too_long_is_told)
{
    struct voter_key unused;
    static char name[PATH_MAX + 1], told[2 * PATH_MAX];
    memset(name, 'x', PATH_MAX - 3);
    ck_assert_int_eq(voter_key_create(name, &unused, told, sizeof told), -1);
    ck_assert_ptr_nonnull(strstr(told, strerror(ENAMETOOLONG)));
}
END_TEST

START_TEST(a_key_may_come_in_pieces)
{
    struct voter_key read_back;
    in_pieces = true;
    write_file(DIGITS "\n", 33);
    ck_assert_int_eq(voter_key_read(path, &read_back, why, sizeof why), VOTER_KEY_READ);
    ck_assert_uint_eq(read_back.bytes[15], 0xff);
}
END_TEST

/* A server that was started without standard input gets it for its files. */
START_TEST(descriptor_0_is_one_like_others)
{
    struct voter_key made, read_back;
    close(STDIN_FILENO);
    ck_assert_int_eq(voter_key_create(path, &made, why, sizeof why), 0);
    errno = ENOENT;
    ck_assert_int_eq(voter_key_read(path, &read_back, why, sizeof why), VOTER_KEY_READ);
    ck_assert_mem_eq(&made, &read_back, sizeof made);
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), -1); /* and it was closed again */
}
END_TEST

UNIT_MAIN("voter",
          {"hashes", .tests = {{hashes_never_change},
                               {kind_poll_name_and_key_all_count},
                               {the_longest_name_counts_to_its_end},
                               {hashes_are_stored_big_endian}}},
          {"key file", .set_up = make_directory, .tear_down = remove_directory,
           .tests = {{a_key_that_was_made_can_be_read},
                     {keys_are_random},
                     {an_existing_key_is_never_overwritten},
                     {a_key_needs_room_for_its_first_name},
                     {a_key_needs_its_directory},
                     {a_relative_path_is_synced_where_it_is},
                     {a_key_file_may_have_gone_through_an_editor, .loops = UNIT_COUNT(edited)},
                     {a_key_file_has_an_end},
                     {a_key_file_that_others_may_read_is_told},
                     {what_is_no_file_is_no_key},
                     {a_damaged_key_file_is_told_by_name, .loops = UNIT_COUNT(damaged)},
                     {what_cannot_be_read_is_told_by_name},
                     {a_key_may_come_in_pieces},
                     {descriptor_0_is_one_like_others},
                     {making_a_key_fails_cleanly},
                     {reading_a_key_fails_cleanly},
                     {an_interrupted_call_is_made_again},
                     {a_path_that_is_too_long_is_told}}})
