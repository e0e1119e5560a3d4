/* The bare loops (see limits.h). Each makes its files in a directory of its own below the given
 * one, and leaves nothing behind. */
#include "tools/tallybench/run/limits.h"

#include "base/clock.h"
#include "proto/schema_sql.h"
#include "proto/sheet.h"
#include "store/sqlite/sqlite_pragmas.h"
#include "tools/tallybench/run/bare_loop.h"
#include "tools/tallybench/run/interrupt.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/figures/result.h"
#include "tools/lib/units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROWS_AN_INSERT = 50,
    APPEND_BYTES = 4096,
};

/* ---- files ---- */

/* A directory and the name of a file in it. */
struct scratch {
    char directory[PATH_MAX / 2];
    char file[PATH_MAX];
};

static int scratch_make(struct scratch *scratch, const char *parent, char error[LIMITS_ERROR_MAX])
{
    snprintf(scratch->directory, sizeof scratch->directory, "%s/tallybench-XXXXXX", parent);
    if (!mkdtemp(scratch->directory))
        return bare_loop_fail(error, parent, strerror(errno));
    snprintf(scratch->file, sizeof scratch->file, "%s/file", scratch->directory);
    return 0;
}

static void scratch_remove(const struct scratch *scratch)
{
    char log[PATH_MAX + 8];
    snprintf(log, sizeof log, "%s-wal", scratch->file);
    unlink(log);
    unlink(scratch->file);
    rmdir(scratch->directory);
}

/* ---- ballots in a file ---- */

/* What ballots are appended to. */
struct appender {
    sqlite3 *db;
    sqlite3_stmt *insert;
    int log_pages; /* of the log, as of the last commit */
    uint64_t seq;  /* of the last ballot */
    struct sheet_builder sheet;
    unsigned char chain[SHEET_CHAIN_BYTES];
};

/* How they are laid out. */
struct layout {
    const char *schema;
    int (*prepare)(struct appender *appender);
    int (*append)(struct appender *appender, unsigned ballots, uint64_t time_ns);
};

static int note_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct appender *)context)->log_pages = pages;
    return SQLITE_OK;
}

static int prepare(struct appender *appender, const char *sql)
{
    return sqlite3_prepare_v3(appender->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &appender->insert,
                              NULL);
}

static int step(struct appender *appender)
{
    int code = sqlite3_step(appender->insert);
    sqlite3_reset(appender->insert);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Any 16 bytes that were not there yet. */
static struct hash next_voter(const struct appender *appender)
{
    return (struct hash){appender->seq * 0x9e3779b97f4a7c15, appender->seq};
}

/* A row a ballot. */

static int rows_prepare(struct appender *appender)
{
    char sql[128 + ROWS_AN_INSERT * 16] =
        "INSERT INTO ballot(seq, time_ns, poll, choice, voter) VALUES(?,?,?,?,?)";
    for (int i = 1; i < ROWS_AN_INSERT; i++)
        strcat(sql, ",(?,?,?,?,?)");
    return prepare(appender, sql);
}

static int rows_insert(struct appender *appender, uint64_t time_ns)
{
    struct hash voters[ROWS_AN_INSERT];
    int at = 0;
    for (int i = 0; i < ROWS_AN_INSERT; i++) {
        voters[i] = next_voter(appender);
        sqlite3_bind_int64(appender->insert, ++at, (sqlite3_int64)++appender->seq);
        sqlite3_bind_int64(appender->insert, ++at, (sqlite3_int64)time_ns);
        sqlite3_bind_int64(appender->insert, ++at, 1);
        sqlite3_bind_int64(appender->insert, ++at, (sqlite3_int64)(appender->seq % 4 + 1));
        sqlite3_bind_blob(appender->insert, ++at, &voters[i], sizeof voters[i], SQLITE_STATIC);
    }
    return step(appender);
}

static int rows_append(struct appender *appender, unsigned ballots, uint64_t time_ns)
{
    int code = SQLITE_OK;
    for (unsigned i = 0; i < ballots && code == SQLITE_OK; i += ROWS_AN_INSERT)
        code = rows_insert(appender, time_ns);
    return code;
}

static const struct layout rows = {
    .schema = "CREATE TABLE ballot (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,"
              " poll INTEGER NOT NULL, choice INTEGER NOT NULL, voter NOT NULL, key BLOB)",
    .prepare = rows_prepare,
    .append = rows_append,
};

/* A row a sheet, as the ledger has them. */

static int sheets_prepare(struct appender *appender)
{
    return prepare(appender, "INSERT INTO sheet(first_seq, time_ns, kind, ballots, body, chain)"
                             " VALUES(?,?,?,?,?,?)");
}

static int sheets_insert(struct appender *appender)
{
    const struct sheet *sheet = &appender->sheet.sheet;
    if (sheet->entries == 0)
        return SQLITE_OK;
    sheet_chain(appender->chain, sheet);
    sqlite3_bind_int64(appender->insert, 1, (sqlite3_int64)sheet->first_seq);
    sqlite3_bind_int64(appender->insert, 2, (sqlite3_int64)sheet->time_ns);
    sqlite3_bind_int(appender->insert, 3, sheet->kind);
    sqlite3_bind_int(appender->insert, 4, sheet->entries);
    sqlite3_bind_blob(appender->insert, 5, sheet->body, (int)sheet->body_len, SQLITE_STATIC);
    sqlite3_bind_blob(appender->insert, 6, appender->chain, SHEET_CHAIN_BYTES, SQLITE_STATIC);
    return step(appender);
}

static int sheets_append(struct appender *appender, unsigned ballots, uint64_t time_ns)
{
    int code = SQLITE_OK;
    appender->sheet.sheet.entries = 0;
    for (unsigned i = 0; i < ballots && code == SQLITE_OK; i++) {
        const struct entry entry = {.seq = ++appender->seq,
                                    .time_ns = time_ns,
                                    .poll = 1,
                                    .kind = ENTRY_BALLOT,
                                    .ballot = {.value = (uint32_t)(appender->seq % 4 + 1),
                                               .weight = 1,
                                               .voter = next_voter(appender)}};
        if (sheet_append(&appender->sheet, &entry))
            continue;
        code = sheets_insert(appender);
        sheet_begin(&appender->sheet, &entry);
    }
    return code == SQLITE_OK ? sheets_insert(appender) : code;
}

static const struct layout sheets = {
    .schema = schema_sql, .prepare = sheets_prepare, .append = sheets_append};

static int appender_open(struct appender *appender, const struct layout *layout, const char *path)
{
    int code =
        sqlite3_open_v2(path, &appender->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite_set_pragmas(appender->db, true);
    if (code == SQLITE_OK)
        code = sqlite3_exec(appender->db, layout->schema, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        sqlite3_wal_hook(appender->db, note_pages, appender);
    return code == SQLITE_OK ? layout->prepare(appender) : code;
}

static int appender_commit(struct appender *appender, const struct layout *layout,
                           unsigned transaction)
{
    int code = sqlite3_exec(appender->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = layout->append(appender, transaction, clock_real_ns());
    if (code == SQLITE_OK)
        code = sqlite3_exec(appender->db, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK && appender->log_pages >= SQLITE_BUSY_PAGES)
        code = sqlite3_wal_checkpoint_v2(appender->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code;
}

static int limits_ballots(const struct layout *layout, const char *directory, unsigned transaction,
                          double seconds, double *ballots_per_s, char error[LIMITS_ERROR_MAX])
{
    struct scratch scratch = {{0}, {0}};
    struct appender *appender = must_calloc(1, sizeof *appender);
    if (scratch_make(&scratch, directory, error) != 0) {
        free(appender);
        return -1;
    }
    int code = appender_open(appender, layout, scratch.file);
    uint64_t begin_ns = clock_monotonic_ns(), now_ns = begin_ns, end_ns = bare_loop_end(seconds);
    while (code == SQLITE_OK && !bare_loop_is_over(now_ns, end_ns)) {
        code = appender_commit(appender, layout, transaction);
        now_ns = clock_monotonic_ns();
    }
    *ballots_per_s = (double)appender->seq * NS_PER_S / (double)(now_ns - begin_ns);
    if (code != SQLITE_OK)
        bare_loop_fail(error, scratch.file, sqlite3_errmsg(appender->db));
    sqlite3_finalize(appender->insert);
    sqlite3_close(appender->db);
    scratch_remove(&scratch);
    free(appender);
    return code == SQLITE_OK ? 0 : -1;
}

int limits_rows(const char *directory, unsigned transaction, double seconds, double *rows_per_s,
                char error[LIMITS_ERROR_MAX])
{
    return limits_ballots(&rows, directory, transaction, seconds, rows_per_s, error);
}

int limits_sheets(const char *directory, unsigned transaction, double seconds,
                  double *ballots_per_s, char error[LIMITS_ERROR_MAX])
{
    return limits_ballots(&sheets, directory, transaction, seconds, ballots_per_s, error);
}

/* ---- fdatasync ---- */

static int append_and_sync(int fd, double seconds, struct hdr *times)
{
    static const char block[APPEND_BYTES];
    uint64_t end_ns = bare_loop_end(seconds), begin_ns;
    while (!bare_loop_is_over(begin_ns = clock_monotonic_ns(), end_ns)) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) != 0)
            return -1;
        hdr_record(times, clock_monotonic_ns() - begin_ns);
    }
    return 0;
}

int limits_sync(const char *directory, double seconds, struct hdr_summary *sync_ns,
                char error[LIMITS_ERROR_MAX])
{
    struct scratch scratch = {{0}, {0}};
    if (scratch_make(&scratch, directory, error) != 0)
        return -1;
    struct hdr *times = must_calloc(1, sizeof *times);
    int fd = open(scratch.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int result = fd >= 0 ? append_and_sync(fd, seconds, times) : -1;
    if (result != 0)
        bare_loop_fail(error, scratch.file, strerror(errno));
    *sync_ns = hdr_summarize(times);
    if (fd >= 0)
        close(fd);
    free(times);
    scratch_remove(&scratch);
    return result;
}

/* ---- tallybench limits ---- */

struct limits {
    double rows_1000, rows_10000, sheets_1000, sheets_10000;
    struct limits_sends sends;
    struct hdr_summary sync_ns;
};

static int measure_ballots(const struct options *options, const char *what,
                           const struct layout *layout, unsigned transaction, double *per_s,
                           char error[LIMITS_ERROR_MAX])
{
    char transactions[UNITS_SIZE], rate[UNITS_SIZE];
    if (interrupt_seen())
        return 0;
    if (limits_ballots(layout, options->directory, transaction, options->duration_s, per_s,
                       error) != 0)
        return -1;
    printf("%-22s %6s a transaction %12s a second\n", what, units_count(transactions, transaction),
           units_count(rate, *per_s));
    return 0;
}

static int measure_sends(const struct options *options, struct limits_sends *sends,
                         char error[LIMITS_ERROR_MAX])
{
    char sockets[UNITS_SIZE], rate[UNITS_SIZE], round[UNITS_SIZE];
    const struct limits_load load = {
        .sockets = (unsigned)options->sockets, .choices = 4, .ballots = 1000000};
    if (interrupt_seen())
        return 0;
    if (limits_sends(&load, options->duration_s, sends, error) != 0)
        return -1;
    printf("sends of a tally to %7s sockets     %12s a second; one round %s\n",
           units_count(sockets, load.sockets), units_count(rate, sends->per_s),
           units_ns(round, (double)sends->round_ns));
    return 0;
}

static int measure_sync(const struct options *options, struct hdr_summary *sync_ns,
                        char error[LIMITS_ERROR_MAX])
{
    char p50[UNITS_SIZE], p99[UNITS_SIZE], max[UNITS_SIZE];
    if (interrupt_seen())
        return 0;
    if (limits_sync(options->directory, options->duration_s, sync_ns, error) != 0)
        return -1;
    printf("append of 4 KiB and fdatasync           p50 %s, p99 %s, max %s\n",
           units_ns(p50, (double)sync_ns->p50), units_ns(p99, (double)sync_ns->p99),
           units_ns(max, (double)sync_ns->max));
    return 0;
}

/* Measures the limits one after the other, and reports each. */
static int measure(const struct options *options, struct limits *limits,
                   char error[LIMITS_ERROR_MAX])
{
    static const char a_row[] = "ballots, a row each,", in_sheets[] = "ballots in sheets,";
    if (measure_ballots(options, a_row, &rows, 1000, &limits->rows_1000, error) != 0 ||
        measure_ballots(options, a_row, &rows, 10000, &limits->rows_10000, error) != 0 ||
        measure_ballots(options, in_sheets, &sheets, 1000, &limits->sheets_1000, error) != 0 ||
        measure_ballots(options, in_sheets, &sheets, 10000, &limits->sheets_10000, error) != 0 ||
        measure_sends(options, &limits->sends, error) != 0)
        return -1;
    return measure_sync(options, &limits->sync_ns, error);
}

static json_t *to_json(const struct options *options, const struct limits *limits)
{
    return json_pack(
        "{s:f,s:f,s:f,s:f,s:I,s:f,s:I,s:I,s:I,s:I}", "rows_per_s_1000", limits->rows_1000,
        "rows_per_s_10000", limits->rows_10000, "sheets_per_s_1000", limits->sheets_1000,
        "sheets_per_s_10000", limits->sheets_10000, "sockets", (json_int_t)options->sockets,
        "sends_per_s", limits->sends.per_s, "send_round_ns", (json_int_t)limits->sends.round_ns,
        "fdatasync_ns_p50", (json_int_t)limits->sync_ns.p50, "fdatasync_ns_p99",
        (json_int_t)limits->sync_ns.p99, "fdatasync_ns_max", (json_int_t)limits->sync_ns.max);
}

int limits_run(const struct options *options)
{
    struct limits limits = {0};
    char error[LIMITS_ERROR_MAX];
    interrupt_catch();
    if (measure(options, &limits, error) != 0) {
        fprintf(stderr, "tallybench: %s\n", error);
        return EXIT_FAILURE;
    }
    if (interrupt_seen())
        return EXIT_FAILURE; /* the finished limits were reported */
    if (!options->json)
        return EXIT_SUCCESS;
    json_t *json = to_json(options, &limits);
    int result = result_write_json(json, options->json);
    json_decref(json);
    if (result != 0)
        fprintf(stderr, "tallybench: %s: %s\n", options->json, strerror(errno));
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
