/* What an acknowledgement promises, whatever becomes of the server: it is killed, stopped, started
 * again, started twice, or its database, its key or its disk is not as it should be. */
#include "tests/support/crowd.h"
#include "tests/support/scale.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct server server;

#define CREATE_LUNCH "CREATE lunch pizza sushi ballots=unlimited"

static void set_up(void)
{
    server_init(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

static void start_with_lunch(void)
{
    server_start(&server, NULL);
    client_ask(server_admin(&server), CREATE_LUNCH, "+OK 1");
}

/* ---- restarts ---- */

static const char *const polls_after_voting[] = {
    "=lunch closed 7 2 pizza=1 sushi=1",
    "=chair open 8 1 ann=1 bob=0",
    "=applause open 10 2 loud=2 quiet=0",
    "=roll open 12 1 yes=0 no=1",
    "+OK 4",
};

static void vote_in_every_kind_of_poll(void)
{
    struct client *admin = server_admin(&server);
    client_ask(admin, "CREATE lunch pizza sushi voters=named", "+OK 1");
    client_ask(admin, "CREATE chair ann bob ballots=once voters=named", "+OK 2");
    client_ask(admin, "CREATE applause loud quiet ballots=unlimited", "+OK 3");
    struct client *voter = server_client(&server);
    client_ask(voter, "VOTE lunch pizza as=a", "+OK 4");
    client_ask(voter, "VOTE lunch sushi as=a id=l", "+OK 5");
    client_ask(voter, "VOTE lunch pizza as=b", "+OK 6");
    client_ask(admin, "CLOSE lunch", "+OK 7");
    client_ask(voter, "VOTE chair ann as=a id=c", "+OK 8");
    client_ask(voter, "VOTE applause loud id=1", "+OK 9");
    client_ask(voter, "VOTE applause loud", "+OK 10");
    client_ask(admin, "CREATE roll yes no voters=named record=name", "+OK 11");
    client_ask(voter, "VOTE roll no as=Ann id=r", "+OK 12");
    client_ask(admin, "TITLE roll Shall we?", "+OK 13");
    client_ask(admin, "LABEL roll no Rather not", "+OK 14");
}

static void expect_polls(struct client *client)
{
    client_send(client, "POLLS");
    for (size_t i = 0; i < sizeof polls_after_voting / sizeof polls_after_voting[0]; i++)
        client_expect(client, "%s", polls_after_voting[i]);
}

/* What each voter did is known still: repeats are repeats, and no sequence is given twice. */
static void expect_voters_are_known(void)
{
    struct client *voter = server_client(&server);
    client_ask(voter, "VOTE lunch sushi as=a id=l", "+OK 5 duplicate");
    client_ask_error(voter, "VOTE lunch pizza as=a", "POLL-CLOSED");
    client_ask(voter, "VOTE chair ann as=a id=c", "+OK 8 duplicate");
    client_ask_error(voter, "VOTE chair bob as=a id=c", "ALREADY-VOTED 8");
    client_ask(voter, "VOTE applause loud id=1", "+OK 9 duplicate");
    client_ask(voter, "VOTE roll no as=Ann id=r", "+OK 12 duplicate");
    client_send(voter, "DESCRIBE roll");
    client_expect(voter, "=title Shall we?");
    client_expect_settings(voter);
    client_expect(voter, "=choice yes 0 yes");
    client_expect(voter, "=choice no 1 Rather not");
    client_expect(voter, "+OK");
    client_ask(voter, "VOTE roll yes as=Bob", "+OK 15");
}

START_TEST(a_restart_brings_everything_back)
{
    server_start(&server, NULL);
    vote_in_every_kind_of_poll();
    server_end(&server);
    server_start(&server, NULL);
    expect_polls(server_client(&server));
    expect_voters_are_known();
    server_end(&server);
    database_assert_recount(server.database);
}
END_TEST

START_TEST(a_kill_loses_nothing_that_was_answered)
{
    server_start(&server, NULL);
    vote_in_every_kind_of_poll();
    server_signal(&server, SIGKILL);
    ck_assert_int_eq(server_wait(&server), -SIGKILL);
    server_start(&server, NULL);
    expect_polls(server_client(&server));
    expect_voters_are_known();
    server_end(&server);
    database_assert_recount(server.database);
}
END_TEST

START_TEST(voters_by_connection_are_others_after_a_restart)
{
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL);
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 2");
    server_end(&server);
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL); /* it is there already */
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 3");
    client_ask(server_client(&server), "SHOW lunch", "+OK lunch open 3 2 pizza=2 sushi=0");
}
END_TEST

/* ---- under load ---- */

START_TEST(a_kill_under_load_loses_and_doubles_nothing)
{
    struct crowd crowd;
    start_with_lunch();
    crowd_init(&crowd, &server, 8, scaled(20000));
    for (unsigned kill = 0; kill < 3; kill++) {
        crowd_connect(&crowd);
        crowd_vote(&crowd, crowd.count * (kill + 1) / 4);
        server_signal(&server, SIGKILL);
        crowd_finish(&crowd); /* replies that were on their way count as well */
        ck_assert_int_eq(server_wait(&server), -SIGKILL);
        crowd_disconnect(&crowd);
        server_start(&server, NULL);
    }
    uint64_t before = crowd_count(&crowd, FATE_COUNTED);
    crowd_connect(&crowd);
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd_count(&crowd, FATE_COUNTED), crowd.count);
    ck_assert_uint_ge(crowd.duplicates, before);
    crowd_assert_tally(&crowd, server_client(&server));
    server_end(&server);
    database_assert_recount(server.database);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"), crowd.count);
    crowd_free(&crowd);
}
END_TEST

/* Every ballot that was read is answered; one that came later may be refused, or not be read. */
static void stop_under_load(int signal_number)
{
    struct crowd crowd;
    start_with_lunch();
    crowd_init(&crowd, &server, 8, scaled(100000));
    crowd.refusal = "SHUTTING-DOWN";
    crowd_connect(&crowd);
    crowd_vote(&crowd, crowd.count / 10);
    server_signal(&server, signal_number);
    crowd_finish(&crowd);
    for (unsigned i = 0; i < crowd.connections; i++)
        ck_assert_int_eq(crowd.voters[i].client->error, 0);
    ck_assert_int_eq(server_wait(&server), 0);
    ck_assert_uint_lt(crowd_count(&crowd, FATE_COUNTED), crowd.count);
    database_assert_recount(server.database);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"),
                      crowd_count(&crowd, FATE_COUNTED));
    crowd_free(&crowd);
}

START_TEST(sigterm_under_load_answers_what_was_read)
{
    stop_under_load(SIGTERM);
}
END_TEST

START_TEST(sigint_under_load_answers_what_was_read)
{
    stop_under_load(SIGINT);
}
END_TEST

/* More input than the server reads at once is on its way, and so are replies. None of those is lost
 * by the close, and what is answered is what is recorded. */
START_TEST(a_stop_destroys_no_reply)
{
    enum { BALLOTS = 20000, LINE_BYTES = 17 };
    char *lines = malloc(BALLOTS * LINE_BYTES);
    start_with_lunch();
    struct client *client = server_client(&server);
    for (size_t i = 0; i < BALLOTS; i++)
        memcpy(lines + i * LINE_BYTES, "VOTE lunch pizza\n", LINE_BYTES);
    client_write(client, lines, BALLOTS * LINE_BYTES);
    free(lines);
    server_signal(&server, SIGTERM);
    uint64_t answered = 0;
    const char *line;
    while ((line = client_line_or_end(client)) != NULL && line[0] == '+')
        ck_assert_uint_eq(strtoull(line + strlen("+OK "), NULL, 10), 2 + answered++);
    if (line != NULL)
        assert_match(line, "^-SHUTTING-DOWN .+$");
    client_expect_end(client);
    ck_assert_int_eq(server_wait(&server), 0);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"), answered);
}
END_TEST

START_TEST(a_backup_under_load_is_consistent)
{
    struct crowd crowd;
    char copy[SERVER_PATH_MAX + 16];
    start_with_lunch();
    struct client *admin = server_admin(&server);
    snprintf(copy, sizeof copy, "%s copy", server.database);
    crowd_init(&crowd, &server, 8, scaled(50000));
    crowd_connect(&crowd);
    crowd_vote(&crowd, crowd.count / 3);
    uint64_t before = crowd_count(&crowd, FATE_COUNTED);
    client_send(admin, "BACKUP %s", copy);
    crowd_finish(&crowd);
    client_expect_match(admin, "^\\+OK [0-9]+$");
    crowd_assert_tally(&crowd, admin);
    database_assert_recount(copy);
    ck_assert_uint_ge(database_number(copy, "SELECT ballots FROM tally"), before);
    crowd_free(&crowd);
}
END_TEST

START_TEST(a_server_starts_from_a_backup)
{
    char copy[SERVER_PATH_MAX + 16], line[SERVER_PATH_MAX + 32];
    server_start(&server, NULL);
    vote_in_every_kind_of_poll();
    snprintf(copy, sizeof copy, "%s.copy", server.database);
    snprintf(line, sizeof line, "BACKUP %s", copy);
    ck_assert_uint_gt(client_ask_number(server_admin(&server), line), 0);
    server_end(&server);
    ck_assert_int_eq(rename(copy, server.database), 0);
    server_start(&server, NULL);
    expect_polls(server_client(&server));
    expect_voters_are_known();
}
END_TEST

START_TEST(a_ballot_is_sent_again_after_a_broken_connection)
{
    start_with_lunch();
    for (unsigned i = 0; i < 20; i++) {
        struct client *first = server_client(&server);
        client_send(first, "VOTE lunch pizza id=%u", i);
        client_close(first); /* its reply, if any, is lost */
        struct client *second = server_client(&server);
        client_send(second, "VOTE lunch pizza id=%u", i);
        client_expect_match(second, "^\\+OK [0-9]+( duplicate)?$");
        client_close(second);
    }
    server_end(&server);
    ck_assert_uint_eq(database_number(server.database, "SELECT ballots FROM tally"), 20);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"), 20);
}
END_TEST

/* ---- what is not as it should be ---- */

/* Starts it and expects that it says why not, in one line of its log, and ends with status 1. */
static void assert_refuses_to_start(const char *why)
{
    ck_assert_int_eq(server_run(&server, NULL), 1);
    ck_assert_msg(server_logged(&server, why), "its log does not say \"%s\"", why);
}

START_TEST(two_servers_on_one_database)
{
    start_with_lunch();
    struct server second = server;
    second.pid = 0;
    LIST_INIT(&second.clients);
    snprintf(second.log, sizeof second.log, "%.200s/second.log", server.directory);
    char admin[SERVER_PATH_MAX + 16];
    snprintf(admin, sizeof admin, "%s/second.sock", server.directory);
    ck_assert_int_eq(server_run(&second, "--admin", admin, NULL), 1);
    ck_assert(server_logged(&second, "in use by another process"));
    ck_assert(server_logged(&second, server.database));
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 2");
}
END_TEST

START_TEST(a_taken_port)
{
    char address[32];
    struct server second;
    start_with_lunch();
    server_init(&second);
    snprintf(address, sizeof address, "127.0.0.1:%u", server.port);
    ck_assert_int_eq(server_run(&second, "--listen", address, NULL), 1);
    ck_assert(server_logged(&second, address));
    ck_assert(server_logged(&second, "Address already in use"));
}
END_TEST

START_TEST(an_admin_socket_in_use_is_kept)
{
    struct server second;
    start_with_lunch();
    server_init(&second);
    ck_assert_int_eq(server_run(&second, "--admin", server.admin, NULL), 1);
    ck_assert(server_logged(&second, "another server uses it"));
    client_ask(server_admin(&server), "PING", "+OK");
}
END_TEST

START_TEST(an_admin_socket_that_a_kill_left_is_replaced)
{
    start_with_lunch();
    server_signal(&server, SIGKILL);
    server_wait(&server);
    ck_assert_int_eq(access(server.admin, F_OK), 0);
    server_start(&server, NULL);
    client_ask(server_admin(&server), "PING", "+OK");
    server_end(&server);
    ck_assert_int_ne(access(server.admin, F_OK), 0);
}
END_TEST

START_TEST(files_are_for_the_owner_alone)
{
    start_with_lunch();
    const char *const names[] = {"", ".key", ".sock", "-wal"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[SERVER_PATH_MAX + 16];
        struct stat status;
        snprintf(path, sizeof path, "%s%s", server.database, names[i]);
        ck_assert_msg(stat(path, &status) == 0, "%s: %s", path, strerror(errno));
        ck_assert_msg((status.st_mode & 077) == 0, "%s: mode %o", path, status.st_mode);
    }
}
END_TEST

static void vote_and_stop(void)
{
    start_with_lunch();
    client_ask(server_client(&server), "VOTE lunch pizza id=1", "+OK 2");
    server_end(&server);
}

static void write_at(const char *path, off_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

/* The server refuses the database as it is now, and leaves it so. */
static void assert_refused_unmodified(const char *why)
{
    size_t before_len, after_len;
    char *before = server_read_file(server.database, &before_len);
    assert_refuses_to_start(why);
    ck_assert(server_logged(&server, server.database));
    char *after = server_read_file(server.database, &after_len);
    ck_assert_uint_eq(before_len, after_len);
    ck_assert_mem_eq(before, after, before_len);
    free(before);
    free(after);
}

START_TEST(a_missing_key)
{
    char key[SERVER_PATH_MAX + 16];
    vote_and_stop();
    snprintf(key, sizeof key, "%s.key", server.database);
    ck_assert_int_eq(unlink(key), 0);
    assert_refused_unmodified("put it back");
    ck_assert_int_ne(access(key, F_OK), 0); /* and no other was made in its place */
}
END_TEST

START_TEST(another_key)
{
    char key[SERVER_PATH_MAX + 16];
    size_t len;
    vote_and_stop();
    snprintf(key, sizeof key, "%s.key", server.database);
    char *text = server_read_file(key, &len);
    text[0] = text[0] == '0' ? '1' : '0';
    write_at(key, 0, text, len);
    free(text);
    assert_refused_unmodified("not the key");
}
END_TEST

START_TEST(a_file_that_is_no_database)
{
    static const char words[] = "These are my notes, and I want them to stay as they are. "
                                "They are long enough to hold the header of a database, too.";
    write_at(server.database, 0, words, sizeof words);
    assert_refused_unmodified("not a tallycast database");
}
END_TEST

START_TEST(an_empty_file)
{
    write_at(server.database, 0, "", 0);
    assert_refused_unmodified("not a tallycast database");
}
END_TEST

START_TEST(a_newer_schema)
{
    vote_and_stop();
    write_at(server.database, 60, "\0\0\0\3", 4); /* the header's user_version */
    assert_refused_unmodified("schema version 3");
}
END_TEST

START_TEST(an_older_schema)
{
    vote_and_stop();
    write_at(server.database, 60, "\0\0\0\1", 4);
    char words[2 * SERVER_PATH_MAX + 160]; /* a command that may be pasted */
    snprintf(words, sizeof words,
             "schema version 1; this tallycast knows version 2; make a new database of it: "
             "tallyctl import '%s' '%s.2'",
             server.database, server.database);
    assert_refused_unmodified(words);
}
END_TEST

/* Overwrites every page but the first with 0xff. */
START_TEST(a_database_with_damaged_pages)
{
    size_t len;
    char page[4096];
    vote_and_stop();
    memset(page, 0xff, sizeof page);
    free(server_read_file(server.database, &len));
    ck_assert_uint_gt(len, 2 * sizeof page);
    for (size_t at = sizeof page; at < len; at += sizeof page)
        write_at(server.database, (off_t)at, page, sizeof page);
    assert_refused_unmodified("malformed");
}
END_TEST

START_TEST(a_truncated_database)
{
    vote_and_stop();
    ck_assert_int_eq(truncate(server.database, 3 * 4096), 0);
    assert_refused_unmodified("malformed");
}
END_TEST

/* Changes the closed database with SQL, as no tallycast would. */
static void tamper(const char *sql)
{
    database_change(server.database, "PRAGMA journal_mode=DELETE");
    database_change(server.database, sql);
}

static const struct {
    const char *sql;
    const char *why;
} tamperings[] = {
    {"UPDATE sheet SET body = CAST(substr(body, 1, 5) || x'02' || substr(body, 7) AS BLOB)",
     "not as it was written: entry 2"},
    {"DELETE FROM sheet", "the last orderly stop was later, at entry 2"},
    {"UPDATE last_tally SET line = 'lunch open 1 0 pizza=0 sushi=0'", "was last shown"},
    {"DELETE FROM choice WHERE number = 1", "choices of poll 1"},
    {"UPDATE poll_event SET text = NULL", "poll_event 1"},
    {"UPDATE poll SET name = 'a,b'", "poll 1"},
};

START_TEST(a_database_that_was_tampered_with)
{
    vote_and_stop();
    tamper(tamperings[_i].sql);
    assert_refuses_to_start("damaged");
    ck_assert(server_logged(&server, tamperings[_i].why));
}
END_TEST

START_TEST(a_directory_that_does_not_exist)
{
    snprintf(server.database, sizeof server.database, "%.200s/nowhere/votes.db", server.directory);
    assert_refuses_to_start("nowhere/votes.db");
}
END_TEST

/* ---- a full disk ---- */

/* Mounts a file system of 1 MiB, and puts the database there. Returns false if that can't be done,
 * having said so. */
static bool use_small_disk(void)
{
    char path[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%.200s/disk", server.directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (mount("tmpfs", path, "tmpfs", 0, "size=1m") != 0) {
        printf("a full disk is not tested: can't mount a small one: %s\n", strerror(errno));
        return false;
    }
    snprintf(server.database, sizeof server.database, "%.200s/disk/votes.db", server.directory);
    return true;
}

static void fill_disk(const char *path)
{
    static const char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    while (write(fd, block, sizeof block) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    close(fd);
}

/* Creates polls until one is refused. What a checkpoint gave back may suffice for a few. */
static void create_until_refused(void)
{
    enum { POLLS = 2000 };
    struct client *admin = server_admin(&server);
    char show[32];
    const char *line = "";
    for (int i = 0; i < POLLS && strncmp(line, "-", 1) != 0; i++) {
        client_send(admin, "CREATE tea%d green black", i);
        line = client_line(admin);
        snprintf(show, sizeof show, "SHOW tea%d", i);
    }
    ck_assert_msg(strncmp(line, "-STORAGE ", 9) == 0, "%s", line);
    client_ask_error(server_client(&server), show, "NO-SUCH-POLL");
}

static char ballast[SERVER_PATH_MAX + 16];

static void vote_on_a_full_disk(struct crowd *crowd)
{
    start_with_lunch();
    snprintf(ballast, sizeof ballast, "%s.ballast", server.database);
    fill_disk(ballast);
    crowd_init(crowd, &server, 4, 2000);
    crowd->refusal = "STORAGE";
    crowd_connect(crowd);
    crowd_finish(crowd);
}

START_TEST(a_full_disk_refuses_ballots_until_there_is_room)
{
    struct crowd crowd;
    if (!use_small_disk())
        return;
    vote_on_a_full_disk(&crowd);
    ck_assert_uint_eq(crowd.answered, crowd.count);
    ck_assert_uint_gt(crowd_count(&crowd, FATE_REFUSED), 0);
    crowd_assert_tally(&crowd, server_client(&server)); /* it serves everything else */
    create_until_refused();
    crowd_disconnect(&crowd);

    ck_assert_int_eq(unlink(ballast), 0);
    uint64_t counted = crowd_count(&crowd, FATE_COUNTED);
    crowd_connect(&crowd);
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd.duplicates, counted); /* what was refused was not recorded */
    ck_assert_uint_eq(crowd_count(&crowd, FATE_COUNTED), crowd.count);
    crowd_assert_tally(&crowd, server_client(&server));
    server_end(&server);
    database_assert_recount(server.database);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"), crowd.count);
    crowd_free(&crowd);
}
END_TEST

/* What the database holds can be seen, and copied to another disk, by the next server. */
START_TEST(a_server_that_ended_on_a_full_disk_starts_on_it)
{
    char backup[SERVER_PATH_MAX + 16], copy[SERVER_PATH_MAX + 16];
    struct crowd crowd;
    if (!use_small_disk())
        return;
    vote_on_a_full_disk(&crowd);
    crowd_disconnect(&crowd);
    server_signal(&server, _i == 0 ? SIGKILL : SIGTERM);
    server_wait(&server);
    server_start(&server, NULL);
    crowd_assert_tally(&crowd, server_client(&server));
    uint64_t counted = crowd_count(&crowd, FATE_COUNTED);
    snprintf(copy, sizeof copy, "%.200s/copy", server.directory);
    snprintf(backup, sizeof backup, "BACKUP %.200s/copy", server.directory);
    client_ask_number(server_admin(&server), backup);
    database_assert_recount(copy);
    ck_assert_uint_eq(database_number(copy, "SELECT count(*) FROM ballot"), counted);
    create_until_refused();
    server_signal(&server, SIGKILL);
    server_wait(&server);
    ck_assert_int_eq(unlink(ballast), 0);
    server_start(&server, NULL);
    crowd_connect(&crowd);
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd.duplicates, counted);
    crowd_assert_tally(&crowd, server_client(&server));
    crowd_free(&crowd);
}
END_TEST

START_TEST(a_read_only_disk)
{
    char path[SERVER_PATH_MAX];
    if (!use_small_disk())
        return;
    vote_and_stop();
    snprintf(path, sizeof path, "%.200s/disk", server.directory);
    ck_assert_int_eq(mount("tmpfs", path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_refuses_to_start("votes.db: Read-only file system");
}
END_TEST

SERVER_MAIN("durability",
            {"restarts", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_restart_brings_everything_back},
                       {a_kill_loses_nothing_that_was_answered},
                       {voters_by_connection_are_others_after_a_restart}}},
            {"under load", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_kill_under_load_loses_and_doubles_nothing},
                       {sigterm_under_load_answers_what_was_read},
                       {sigint_under_load_answers_what_was_read},
                       {a_stop_destroys_no_reply},
                       {a_backup_under_load_is_consistent},
                       {a_server_starts_from_a_backup},
                       {a_ballot_is_sent_again_after_a_broken_connection}}},
            {"faults", .set_up = set_up, .tear_down = tear_down,
             .tests = {{two_servers_on_one_database},
                       {a_taken_port},
                       {an_admin_socket_in_use_is_kept},
                       {an_admin_socket_that_a_kill_left_is_replaced},
                       {files_are_for_the_owner_alone},
                       {a_missing_key},
                       {another_key},
                       {a_file_that_is_no_database},
                       {an_empty_file},
                       {a_newer_schema},
                       {an_older_schema},
                       {a_database_with_damaged_pages},
                       {a_truncated_database},
                       {a_database_that_was_tampered_with, .loops = UNIT_COUNT(tamperings)},
                       {a_directory_that_does_not_exist},
                       {a_full_disk_refuses_ballots_until_there_is_room},
                       {a_server_that_ended_on_a_full_disk_starts_on_it, .loops = 2},
                       {a_read_only_disk}}})
