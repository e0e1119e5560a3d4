/* /metrics: over a server that is made of what it reads. That the text is right by Prometheus' own
 * word is promtool's to say, where it is installed. */
#include "view/metrics.h"

#include "tests/support/early.h"
#include "view/stats.h"
#include "store/store.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a server to be read ---- */

static struct ledger_stats ledger;
static struct tally_stats tally;
static struct journey_stats journeys;
static const struct server server = {.started_real_ns = UINT64_C(1700000000250000000),
                                     .journey_stats = &journeys};
static struct buffer out;

const struct ledger_stats *__wrap_ledger_stats(const struct ledger *of);
const struct ledger_stats *__wrap_ledger_stats(const struct ledger *of)
{
    (void)of;
    return &ledger;
}

const struct tally_stats *__wrap_tally_stats(const struct tally *of);
const struct tally_stats *__wrap_tally_stats(const struct tally *of)
{
    (void)of;
    return &tally;
}

uint32_t __wrap_tally_poll_count(const struct tally *of);
uint32_t __wrap_tally_poll_count(const struct tally *of)
{
    (void)of;
    return 3;
}

void __wrap_listener_stats(const struct listener *of, struct listener_stats *stats);
void __wrap_listener_stats(const struct listener *of, struct listener_stats *stats)
{
    (void)of;
    *stats = (struct listener_stats){.accepted = 11, .refused = 2, .queue_max = UINT64_MAX};
}

uint64_t __wrap_store_database_bytes(const struct store *of);
uint64_t __wrap_store_database_bytes(const struct store *of)
{
    (void)of;
    return 32768;
}

uint64_t __wrap_store_pending_bytes(const struct store *of);
uint64_t __wrap_store_pending_bytes(const struct store *of)
{
    (void)of;
    return 4152;
}

/* A kernel from before 6.2 does not tell the size of /proc/self/fd. */
static bool old_kernel, no_directory, no_limit;

int __real_stat(const char *path, struct stat *info);
int __wrap_stat(const char *path, struct stat *info);
CALLED_EARLY int __wrap_stat(const char *path, struct stat *info)
{
    int result = __real_stat(path, info);
    if (old_kernel)
        info->st_size = 0;
    return result;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
CALLED_EARLY DIR *__wrap_opendir(const char *path)
{
    return no_directory ? NULL : __real_opendir(path);
}

int __real_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit);
CALLED_EARLY int __wrap_getrlimit(int resource, struct rlimit *limit)
{
    return no_limit ? -1 : __real_getrlimit(resource, limit);
}

/* ---- reading it ---- */

static const char *metrics(void)
{
    buffer_free(&out);
    ck_assert_int_eq(metrics_append(&out, &server), 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    return out.bytes;
}

static void free_metrics(void)
{
    buffer_free(&out);
}

/* Whether a line of `text` is `line`. */
static void assert_line(const char *text, const char *line)
{
    size_t len = strlen(line);
    for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, line, len) == 0 && at[len] == '\n')
            return;
    ck_abort_msg("no line: %s\n%s", line, text);
}

START_TEST(numbers)
{
    atomic_store(&ledger.accepted, UINT64_MAX);
    atomic_store(&ledger.duplicate, 5);
    const char *text = metrics();
    assert_line(text, "# TYPE tallycast_ballots_total counter");
    assert_line(text, "tallycast_ballots_total{result=\"accepted\"} 18446744073709551615");
    assert_line(text, "tallycast_ballots_total{result=\"duplicate\"} 5");
    assert_line(text, "tallycast_ballots_total{result=\"refused\"} 0");
    assert_line(text, "# TYPE tallycast_polls gauge");
    assert_line(text, "tallycast_polls 3");
    assert_line(text, "tallycast_build_info{version=\"" PACKAGE_VERSION "\"} 1");
    assert_line(text, "tallycast_connections_accepted_total 11");
    assert_line(text, "tallycast_database_bytes 32768");
    assert_line(text, "tallycast_wal_bytes 4152");
    assert_line(text, "process_start_time_seconds 1700000000.25");
}
END_TEST

START_TEST(a_refusing_ledger_is_not_writable)
{
    assert_line(metrics(), "tallycast_ledger_writable 1");
    atomic_store(&ledger.refusing, true);
    assert_line(metrics(), "tallycast_ledger_writable 0");
}
END_TEST

static double gauge(const char *name)
{
    char pattern[64];
    double value;
    snprintf(pattern, sizeof pattern, "\n%s ", name);
    const char *line = strstr(metrics(), pattern);
    ck_assert_msg(line && sscanf(line, "%*s %lf", &value) == 1, "%s", name);
    return value;
}

/* What the kernel tells of this process; the descriptors also by counting them. */
START_TEST(the_process)
{
    int more[8];
    ck_assert_double_gt(gauge("process_resident_memory_bytes"), 100e3);
    ck_assert_double_lt(gauge("process_resident_memory_bytes"), 10e9);
    old_kernel = _i;
    double open_before = gauge("process_open_fds");
    ck_assert_double_ge(open_before, 3);
    for (int i = 0; i < 8; i++)
        ck_assert_int_ge(more[i] = dup(0), 0);
    double open_with_more = gauge("process_open_fds");
    for (int i = 0; i < 8; i++)
        close(more[i]);
    ck_assert_double_eq(open_with_more, open_before + 8);
    old_kernel = !old_kernel;
    ck_assert_double_eq(gauge("process_open_fds"), open_before);
    old_kernel = false;
}
END_TEST

START_TEST(what_is_not_known_is_0)
{
    ck_assert_double_gt(gauge("process_max_fds"), 3);
    old_kernel = no_directory = no_limit = true;
    ck_assert_double_eq(gauge("process_open_fds"), 0);
    ck_assert_double_eq(gauge("process_max_fds"), 0);
    old_kernel = no_directory = no_limit = false;
}
END_TEST

START_TEST(an_empty_histogram)
{
    const char *text = metrics();
    assert_line(text, "# TYPE tallycast_commit_seconds histogram");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"0.000001\"} 0");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"10\"} 0");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"+Inf\"} 0");
    assert_line(text, "tallycast_commit_seconds_sum 0");
    assert_line(text, "tallycast_commit_seconds_count 0");
    /* It counts in microseconds: a finer bound would tell nothing. */
    ck_assert_ptr_null(strstr(text, "tallycast_commit_seconds_bucket{le=\"0.0000005\"}"));
}
END_TEST

START_TEST(durations_in_seconds)
{
    histogram_record(&ledger.commit_us, 100);      /* 0.0001 s, on a bound */
    histogram_record(&ledger.commit_us, 240);      /* up to 0.00025 s */
    histogram_record(&ledger.commit_us, 20000000); /* beyond all bounds */
    const char *text = metrics();
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"0.00005\"} 0");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"0.0001\"} 1");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"0.00025\"} 2");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"10\"} 2");
    assert_line(text, "tallycast_commit_seconds_bucket{le=\"+Inf\"} 3");
    assert_line(text, "tallycast_commit_seconds_sum 20.00034");
    assert_line(text, "tallycast_commit_seconds_count 3");

    histogram_record(&tally.lock_hold_ns, 1);
    histogram_record(&tally.lock_hold_ns, 2499);
    text = metrics();
    assert_line(text, "tallycast_lock_held_seconds_bucket{le=\"0.0000001\"} 1");
    assert_line(text, "tallycast_lock_held_seconds_bucket{le=\"0.000001\"} 1");
    assert_line(text, "tallycast_lock_held_seconds_bucket{le=\"0.0000025\"} 2");
    assert_line(text, "tallycast_lock_held_seconds_sum 0.0000025");
}
END_TEST

START_TEST(numbers_of_entries)
{
    for (uint64_t i = 0; i < 3; i++)
        histogram_record(&ledger.batch, 1);
    histogram_record(&ledger.batch, 16384);
    const char *text = metrics();
    assert_line(text, "tallycast_commit_entries_bucket{le=\"1\"} 3");
    assert_line(text, "tallycast_commit_entries_bucket{le=\"8192\"} 3");
    assert_line(text, "tallycast_commit_entries_bucket{le=\"16384\"} 4");
    assert_line(text, "tallycast_commit_entries_sum 16387");
}
END_TEST

/* Every line is a comment or a sample by the grammar, and every family has its two comments. */
START_TEST(every_line_is_well_formed)
{
    const char *text = metrics();
    char family[128] = "";
    size_t families = 0;
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
        char name[128], type[32];
        size_t letters = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        if (sscanf(at, "# HELP %127s", family) == 1) {
            ck_assert_int_eq(sscanf(strchr(at, '\n') + 1, "# TYPE %127s %31s", name, type), 2);
            ck_assert_str_eq(name, family);
            families++;
        } else if (at[0] != '#') {
            ck_assert_msg(letters >= strlen(family) && !strncmp(at, family, strlen(family)),
                          "%.60s is not of %s", at, family);
            ck_assert(at[letters] == ' ' || at[letters] == '{');
        }
    }
    ck_assert_uint_ge(families, 30);
}
END_TEST

START_TEST(a_shortage_of_memory_leaves_the_buffer)
{
    size_t whole = strlen(metrics());
    buffer_free(&out);
    ck_assert_int_eq(buffer_append(&out, "kept", 4), 0);
    allocations_fail_after(0);
    int appended = metrics_append(&out, &server);
    allocations_succeed();
    ck_assert_int_eq(appended, -1);
    ck_assert_uint_eq(out.len, 4);
    ck_assert_int_eq(metrics_append(&out, &server), 0);
    ck_assert_mem_eq(out.bytes, "kept# HELP", 10);
    ck_assert_uint_ge(out.len + 64, whole);
}
END_TEST

/* Fills the histograms too: an empty one could hide what is wrong. */
START_TEST(promtool_finds_nothing)
{
    if (system("command -v promtool >/dev/null 2>&1") != 0)
        return;
    histogram_record(&ledger.commit_us, 137);
    histogram_record(&ledger.batch, 3);
    histogram_record(&tally.lock_hold_ns, 1200);
    const char *text = metrics();
    FILE *promtool = popen("promtool check metrics 2>&1", "w");
    ck_assert_ptr_nonnull(promtool);
    ck_assert_int_ge(fputs(text, promtool), 0);
    int status = pclose(promtool);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "promtool: status %d", status);
}
END_TEST

UNIT_MAIN("metrics", {"metrics", .tear_down = free_metrics,
                      .tests = {{numbers},
                                {a_refusing_ledger_is_not_writable},
                                {the_process, .loops = 2},
                                {what_is_not_known_is_0},
                                {an_empty_histogram},
                                {durations_in_seconds},
                                {numbers_of_entries},
                                {every_line_is_well_formed},
                                {a_shortage_of_memory_leaves_the_buffer},
                                {promtool_finds_nothing}}})
