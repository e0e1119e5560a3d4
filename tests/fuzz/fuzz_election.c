/* Fuzzes the readers of elections with a file (libFuzzer): BLT, CSV and JSON, by what is in it; a
 * table as one of each kind of ballot. Whatever the bytes, nothing outside them is read; a refusal
 * says why; and an election that is taken is the same again when it has been written, and read. */
#include "tools/election/ballot_csv.h"
#include "tools/election/blt.h"
#include "tools/election/election_json.h"
#include "tools/election/election_read.h"
#include "tools/election/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copies are written one by one, so a table of more ballots would take too long. */
enum { WRITTEN_MAX = 2000 };

typedef void write_fn(const struct election *election, election_put_fn *put, void *owner);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void put(void *file, const char *bytes, size_t len)
{
    require(fwrite(bytes, 1, len, file) == len);
}

/* By a method, with so high scores; -1 and 0 for what the file says. Returns whether there is such
 * an election. */
static bool read_election(struct election *election, const char *text, size_t len, int method,
                          unsigned scores)
{
    char why[ELECTION_WHY_MAX] = "";
    *election = (struct election){0};
    if (method >= 0)
        election_give(election, SETTING_METHOD, (unsigned)method);
    if (scores > 0)
        election_give(election, SETTING_SCORES, scores);
    if (election_read(election, text, len, why) == 0 && election_settle(election, why) == 0)
        return true;
    require(why[0] != '\0');
    return false;
}

/* BLT has no names but those that people read, and no weights. */
static void require_same(struct election *a, struct election *b, bool is_blt)
{
    require(a->choice_count == b->choice_count && a->weight == b->weight);
    require(is_blt || a->heads == b->heads);
    for (unsigned i = 0; i < a->choice_count; i++)
        require(is_blt || name_equal(&a->choices[i], &b->choices[i]));
    struct election_profile one, other;
    election_profile_make(&one, a);
    election_profile_make(&other, b);
    require(one.view->abstained == other.view->abstained &&
            one.view->value_count == other.view->value_count);
    election_profile_clear(&one);
    election_profile_clear(&other);
}

static void check_written(struct election *election, write_fn *write, int method, unsigned scores)
{
    char *text = NULL;
    size_t size;
    struct election again;
    FILE *file = open_memstream(&text, &size);
    require(file != NULL);
    write(election, put, file);
    require(fclose(file) == 0);
    require(read_election(&again, text, size, method, scores));
    require_same(election, &again, write == blt_write);
    election_clear(&again);
    free(text);
}

static void check(const char *text, size_t len, int method)
{
    struct election election;
    if (read_election(&election, text, len, method, 0)) {
        unsigned scores = election.settings.value[SETTING_SCORES];
        method = election.settings.value[SETTING_METHOD];
        election_sort(&election);
        check_written(&election, election_json_write, -1, 0);
        if (election.settings.value[SETTING_KIND] == KIND_RANKED)
            check_written(&election, blt_write, method, 0);
        if (election.heads <= WRITTEN_MAX)
            check_written(&election, ballot_csv_write, method, scores);
    }
    election_clear(&election);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* exact: the sanitizer sees a step beyond it */
    if (!text)
        return 0;
    memcpy(text, data, size);
    check(text, size, -1);
    for (int method = METHOD_PLURALITY; method <= METHOD_STV; method++)
        check(text, size, method);
    free(text);
    return 0;
}
