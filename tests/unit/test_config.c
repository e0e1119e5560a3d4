/* The configuration, from command lines and files as people write them. */
#include "config/config_load.h"
#include "config/reader.h"
#include "base/failpoint.h"
#include "tests/support/allocation.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64 };

static struct config config;
static char text[HELP_MAX];
static char path[TEMPORARY_MAX];

static void make_path(void)
{
    char name[32];
    snprintf(name, sizeof name, "tallycast-config.%d", (int)getpid());
    temporary_path(path, name);
}

static void clean_up(void)
{
    allocations_succeed();
    unlink(path);
    config_free(&config);
}

/* Loads copies of the arguments, which a NULL ends. The copies are freed at once: the configuration
 * must not need them. */
static enum config_outcome load(const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX] = {NULL};
    int argc = 0;
    argv[argc++] = strdup("tallycast");
    for (; *arguments != NULL; arguments++)
        argv[argc++] = strdup(*arguments);
    enum config_outcome outcome = config_load(&config, argc, argv, text);
    while (argc > 0)
        free(argv[--argc]);
    return outcome;
}

#define LOAD(...) load((const char *const[]){__VA_ARGS__, NULL})

static void write_file(const char *content)
{
    size_t len = strlen(content);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    close(fd);
}

static enum config_outcome load_file(const char *content)
{
    write_file(content);
    return LOAD("--config", path);
}

static void assert_proxy(size_t i, const char *expected)
{
    char network[NETWORK_TEXT_MAX];
    ck_assert_str_eq(network_text(&config.proxies.list[i], network), expected);
}

static void assert_listens(size_t i, const char *host, unsigned port)
{
    ck_assert_uint_lt(i, config.listen_count);
    ck_assert_str_eq(config.listen[i].host, host);
    ck_assert_uint_eq(config.listen[i].port, port);
}

static void assert_poll(size_t i, const char *name, const char *choices)
{
    char joined[256] = "";
    ck_assert_uint_lt(i, config.poll_count);
    ck_assert_str_eq(config.polls[i].name.text, name);
    for (unsigned j = 0; j < config.polls[i].choice_count; j++) {
        strcat(joined, j > 0 ? "," : "");
        strcat(joined, config.polls[i].choices[j].text);
    }
    ck_assert_str_eq(joined, choices);
}

START_TEST(defaults)
{
    ck_assert_int_eq(load((const char *const[]){NULL}), CONFIG_RUN);
    ck_assert_uint_eq(config.listen_count, 1);
    assert_listens(0, "127.0.0.1", 9000);
    ck_assert_str_eq(config.database, "tallycast.db");
    ck_assert_str_eq(config.admin, "tallycast.db.sock");
    ck_assert_int_eq(config.durability, DURABILITY_DISK);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    ck_assert_uint_eq(config.ingest_threads, processors > 64 ? 64 : (unsigned)processors);
    ck_assert_uint_eq(config.broadcast_threads, processors < 2     ? 1
                                                : processors > 128 ? 64
                                                                   : (unsigned)processors / 2);
    ck_assert_uint_eq(config.push_interval_ms, 50);
    ck_assert_uint_eq(config.stall_timeout_s, 300);
    ck_assert_uint_eq(config.max_connections, 10000);
    ck_assert(config.http_on);
    ck_assert_str_eq(config.http.host, "127.0.0.1");
    ck_assert_uint_eq(config.http.port, 3000);
    ck_assert_uint_eq(config.http_host_count, 0);
    ck_assert_ptr_null(config.cors);
    ck_assert_uint_eq(config.proxies.count, 0);
    ck_assert_uint_eq(config.line_timeout_s, 60);
    ck_assert_uint_eq(config.request_timeout_s, 10);
    ck_assert_uint_eq(config.max_per_address, 0);
    ck_assert_uint_eq(config.request_rate, 1000);
    ck_assert_uint_eq(config.max_errors, 100);
    ck_assert_uint_eq(config.max_in_flight, 4096);
    ck_assert_uint_eq(config.poll_count, 0);
    ck_assert_int_eq(config.log_level, LOG_LEVEL_INFO);
}
END_TEST

START_TEST(every_option_on_the_command_line)
{
    ck_assert_int_eq(LOAD("--listen", "0.0.0.0:1", "--listen=[::1]:0", "--database", "a.db",
                          "--admin=/run/a.sock", "--admin-group=root", "--durability=os",
                          "--ingest-threads", "64", "--broadcast-threads=3", "--push-interval=0",
                          "--stall-timeout", "86400", "--max-connections=1", "--max-per-address=7",
                          "--log-level=debug", "--http", "[::]:80", "--http-host=vote.example.org",
                          "--http-host", "[2001:db8::1]", "--cors=https://example.org:8443",
                          "--trusted-proxy=10.0.0.1", "--trusted-proxy=2001:DB8:0::1/32",
                          "--request-timeout=86400", "--line-timeout=0", "--max-errors=1",
                          "--request-rate=0", "--max-in-flight=16384", "--poll",
                          "Lunch=Pizza,sushi", "--poll=drink=1,2,3"),
                     CONFIG_RUN);
    ck_assert_uint_eq(config.listen_count, 2);
    assert_listens(0, "0.0.0.0", 1);
    assert_listens(1, "::1", 0);
    ck_assert_str_eq(config.database, "a.db");
    ck_assert_str_eq(config.admin, "/run/a.sock");
    ck_assert(config.has_admin_group && config.admin_group == 0);
    ck_assert_int_eq(config.durability, DURABILITY_OS);
    ck_assert_uint_eq(config.ingest_threads, 64);
    ck_assert_uint_eq(config.broadcast_threads, 3);
    ck_assert_uint_eq(config.push_interval_ms, 0);
    ck_assert_uint_eq(config.stall_timeout_s, 86400);
    ck_assert_uint_eq(config.max_connections, 1);
    ck_assert_uint_eq(config.max_per_address, 7);
    ck_assert_uint_eq(config.request_rate, 0);
    ck_assert_str_eq(config.http.host, "::");
    ck_assert_uint_eq(config.http.port, 80);
    ck_assert_uint_eq(config.http_host_count, 2);
    ck_assert_str_eq(config.http_hosts[0], "vote.example.org");
    ck_assert_str_eq(config.http_hosts[1], "[2001:db8::1]");
    ck_assert_str_eq(config.cors, "https://example.org:8443");
    ck_assert_uint_eq(config.proxies.count, 2);
    assert_proxy(0, "10.0.0.1");
    assert_proxy(1, "2001:db8::/32");
    ck_assert_uint_eq(config.request_timeout_s, 86400);
    ck_assert_uint_eq(config.line_timeout_s, 0);
    ck_assert_uint_eq(config.max_errors, 1);
    ck_assert_uint_eq(config.max_in_flight, 16384);
    ck_assert_int_eq(config.log_level, LOG_LEVEL_DEBUG);
    ck_assert_uint_eq(config.poll_count, 2);
    assert_poll(0, "lunch", "pizza,sushi");
    assert_poll(1, "drink", "1,2,3");
}
END_TEST

START_TEST(every_option_in_a_file)
{
    ck_assert_int_eq(load_file("# A comment\n"
                               "\n"
                               "listen = localhost:9001\n"
                               "  listen=[::]:9001\r\n"
                               "\tdatabase =  /var/lib/my votes.db  \n"
                               "admin = /run/a.sock\n"
                               "admin-group = root\n"
                               "durability = os\n"
                               "ingest-threads = 2\n"
                               "broadcast-threads = 1\n"
                               "push-interval = 60000\n"
                               "stall-timeout = 1\n"
                               "max-connections = 1000000\n"
                               "max-per-address = 100\n"
                               "http = off\n"
                               "http-host = vote\n"
                               "cors = *\n"
                               "trusted-proxy = ::1\n"
                               "request-timeout = 1\n"
                               "line-timeout = 86400\n"
                               "max-errors = 10000\n"
                               "max-in-flight = 1\n"
                               "log-level = error\n"
                               "poll = lunch=pizza,sushi\n"
                               "poll = drink=tea,coffee"),
                     CONFIG_RUN);
    ck_assert_uint_eq(config.listen_count, 2);
    assert_listens(0, "localhost", 9001);
    assert_listens(1, "::", 9001);
    ck_assert_str_eq(config.database, "/var/lib/my votes.db");
    ck_assert_str_eq(config.admin, "/run/a.sock");
    ck_assert(config.has_admin_group && config.admin_group == 0);
    ck_assert_int_eq(config.durability, DURABILITY_OS);
    ck_assert_uint_eq(config.ingest_threads, 2);
    ck_assert_uint_eq(config.broadcast_threads, 1);
    ck_assert_uint_eq(config.push_interval_ms, 60000);
    ck_assert_uint_eq(config.stall_timeout_s, 1);
    ck_assert_uint_eq(config.max_connections, 1000000);
    ck_assert_uint_eq(config.max_per_address, 100);
    ck_assert(!config.http_on);
    ck_assert_uint_eq(config.http_host_count, 1);
    ck_assert_str_eq(config.http_hosts[0], "vote");
    ck_assert_str_eq(config.cors, "*");
    assert_proxy(0, "::1");
    ck_assert_uint_eq(config.request_timeout_s, 1);
    ck_assert_uint_eq(config.line_timeout_s, 86400);
    ck_assert_uint_eq(config.max_errors, 10000);
    ck_assert_uint_eq(config.max_in_flight, 1);
    ck_assert_int_eq(config.log_level, LOG_LEVEL_ERROR);
    ck_assert_uint_eq(config.poll_count, 2);
    assert_poll(1, "drink", "tea,coffee");
}
END_TEST

START_TEST(the_command_line_wins)
{
    write_file(
        "database = file.db\npush-interval = 10\nlisten = localhost:1\nlisten = localhost:2\n"
        "poll = a=x,y\npoll = b=x,y\nlog-level = error\n");
    ck_assert_int_eq(LOAD("--push-interval=20", "--poll=c=x,y", "--config", path, "--poll=d=x,y",
                          "--listen=localhost:3"),
                     CONFIG_RUN);
    ck_assert_str_eq(config.database, "file.db");
    ck_assert_str_eq(config.admin, "file.db.sock");
    ck_assert_uint_eq(config.push_interval_ms, 20);
    ck_assert_uint_eq(config.listen_count, 1);
    assert_listens(0, "localhost", 3);
    ck_assert_uint_eq(config.poll_count, 2);
    assert_poll(0, "c", "x,y");
    assert_poll(1, "d", "x,y");
    ck_assert_int_eq(config.log_level, LOG_LEVEL_ERROR);
}
END_TEST

START_TEST(the_last_of_two_values_counts_and_that_is_told)
{
    ck_assert_int_eq(LOAD("--database=a.db", "--http=off", "--listen=a:1", "--listen=b:1",
                          "--database=b.db", "--http=off"),
                     CONFIG_RUN);
    ck_assert_str_eq(config.database, "b.db");
    ck_assert_str_eq(config.repeated, "--database --http");
    config_free(&config);
    write_file("database = file.db\n");
    ck_assert_int_eq(LOAD("--config", path, "--database=a.db"), CONFIG_RUN);
    ck_assert_str_eq(config.repeated, "");
}
END_TEST

/* What an address leaves out is the default's. */
static const struct {
    const char *value, *host;
    unsigned port;
} addresses[] = {
    {"9100", "127.0.0.1", 9100},      {":9100", "127.0.0.1", 9100},
    {"localhost", "localhost", 9000}, {"0.0.0.0", "0.0.0.0", 9000},
    {"[::1]", "::1", 9000},           {"[::]:1", "::", 1},
    {"vote:65535", "vote", 65535},    {"localhost:0", "localhost", 0},
};

START_TEST(an_address_may_leave_out_its_half)
{
    char option[64];
    snprintf(option, sizeof option, "--listen=%s", addresses[_i].value);
    ck_assert_int_eq(LOAD(option, "--http=3100"), CONFIG_RUN);
    assert_listens(0, addresses[_i].host, addresses[_i].port);
    ck_assert_str_eq(config.http.host, "127.0.0.1");
    ck_assert_uint_eq(config.http.port, 3100);
}
END_TEST

static const char *const forms[] = {
    ("\xef\xbb\xbf"
     "database = a.db"),
    "\xef\xbb\xbf# a comment\r\ndatabase = a.db\r\n",
    "\xef\xbb\xbf\n\ndatabase = a.db",
    "database=a.db",
    "\t database\t=\ta.db \t\r\n",
    "# database = \"b.db\" # b\ndatabase = a.db\n\n\n#",
};

START_TEST(a_file_has_the_form_that_its_editor_gives_it)
{
    ck_assert_int_eq(load_file(forms[_i]), CONFIG_RUN);
    ck_assert_str_eq(config.database, "a.db");
}
END_TEST

/* The sample names every option that a file may hold, and is good as it stands and with all of them
 * taken from behind their `#`. */
START_TEST(the_sample_is_good)
{
    static const char *const names[] = {
#define OPTION(id, name, value, help)                            "\n#" name " = ",
#define LIST(id, name, value, help)                              "\n#" name " = ",
#define NUMBER(member, name, value, least, most, standard, help) "\n#" name " = ",
#define FLAG(id, name, help)
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
    };
    char sample[16384];
    const char *top = getenv("TALLYCAST_SRCDIR");
    snprintf(sample, sizeof sample, "%s/dist/tallycast.conf", top ? top : ".");
    ck_assert_int_eq(LOAD("--config", sample), CONFIG_RUN);
    config_free(&config);
    FILE *file = fopen(sample, "re");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(sample, 1, sizeof sample - 1, file);
    sample[len] = '\0';
    fclose(file);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(strstr(sample, names[i]) || strcmp(names[i], "\n#config = ") == 0, "no %s",
                      names[i]);
    for (char *at = sample; (at = strstr(at, "\n#")) != NULL; at++)
        if (at[2] != ' ')
            at[1] = ' ';
    ck_assert_msg(load_file(sample) == CONFIG_RUN, "%s", text);
}
END_TEST

START_TEST(check_config)
{
    ck_assert_int_eq(LOAD("--check-config", "--database=a.db"), CONFIG_CHECKED);
    ck_assert_str_eq(config.database, "a.db");
    config_free(&config);
    ck_assert_int_eq(LOAD("--check-config", "--durability=maybe"), CONFIG_ERROR);
}
END_TEST

START_TEST(version)
{
    ck_assert_int_eq(LOAD(_i == 0 ? "--version" : "-V"), CONFIG_HELP);
    ck_assert_str_eq(text, "tallycast " PACKAGE_VERSION FAILPOINT_VERSION "\n");
}
END_TEST

START_TEST(help_fits_a_terminal_and_names_everything)
{
    static const char *const names[] = {
#define LIST(id, name, value, help)                              "\n  --" name " " value " ",
#define OPTION(id, name, value, help)                            "\n  --" name " " value " ",
#define NUMBER(member, name, value, least, most, standard, help) "\n  --" name " " value " ",
#define FLAG(id, name, help)                                     "\n  --" name " ",
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
    };
    ck_assert_int_eq(LOAD("--database=a.db", _i == 0 ? "--help" : "-h"), CONFIG_HELP);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(strstr(text, names[i]) != NULL, "no %s", names[i]);
    ck_assert_ptr_nonnull(strstr(text, "(0 to 60000; default: 50)"));
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        ck_assert_msg(len <= 80, "%.*s", (int)len, line);
        ck_assert_msg(len == 0 || line[len - 1] != ' ', "a blank ends %.*s", (int)len, line);
        ck_assert_int_eq(line[len], '\n'); /* a text that was cut would end without */
        line += len + 1;
    }
}
END_TEST

/* As many as an error shows. */
#define LETTERS_80                             \
    "0123456789abcdefghijklmnopqrstuvwxyz++++" \
    "0123456789abcdefghijklmnopqrstuvwxyz++++"

static const struct {
    const char *arguments[3];
    const char *error;
} mistakes[] = {
    {{"--listem=x"}, "there is no option '--listem': is --listen meant?"},
    {{"--listen-"}, "there is no option '--listen-': is --listen meant?"},
    {{"--data", "x"}, "there is no option '--data': is --database meant?"},
    {{"--max-connection=1"}, "there is no option '--max-connection': is --max-connections meant?"},
    {{"--stal-timeot=1"}, "there is no option '--stal-timeot': is --stall-timeout meant?"},
    {{"--Poll=a=x,y"}, "there is no option '--Poll': is --poll meant?"},
    {{"--colour=red"}, "there is no option '--colour' (tallycast --help lists them)"},
    {{"--"}, "there is no option '--' (tallycast --help lists them)"},
    {{"-x"}, "unexpected argument '-x' (tallycast --help lists the options)"},
    {{"poll"}, "unexpected argument 'poll' (tallycast --help lists the options)"},
    {{"--database"}, "--database needs a value: FILE"},
    {{"--help=yes"}, "--help takes no value"},
    {{"--database="}, "--database: the name is empty"},
    {{"--admin", ""}, "--admin: the name is empty"},
    {{"--durability=Disk"}, "--durability: 'Disk' is neither disk nor os"},
    {{"--log-level=loud"}, "--log-level: 'loud' is not debug, info, warning or error"},
    {{"--push-interval=60001"}, "--push-interval: '60001' is not a whole number from 0 to 60000"},
    {{"--push-interval=-1"}, "--push-interval: '-1' is not a whole number from 0 to 60000"},
    {{"--push-interval=1.5"}, "--push-interval: '1.5' is not a whole number from 0 to 60000"},
    {{"--push-interval="}, "--push-interval: '' is not a whole number from 0 to 60000"},
    {{"--stall-timeout=0"}, "--stall-timeout: '0' is not a whole number from 1 to 86400"},
    {{"--line-timeout=86401"}, "--line-timeout: '86401' is not a whole number from 0 to 86400"},
    {{"--max-errors=0"}, "--max-errors: '0' is not a whole number from 1 to 10000"},
    {{"--max-in-flight=0"}, "--max-in-flight: '0' is not a whole number from 1 to 16384"},
    {{"--ingest-threads=65"}, "--ingest-threads: '65' is not a whole number from 1 to 64"},
    {{"--broadcast-threads=0"}, "--broadcast-threads: '0' is not a whole number from 1 to 64"},
    {{"--max-connections=18446744073709551617"},
     "--max-connections: '18446744073709551617' is not a whole number from 1 to 1000000"},
    {{"--listen="}, "--listen: '' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=:"}, "--listen: ':' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=65536"}, "--listen: '65536' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=::1"}, "--listen: '::1' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--admin-group=no such group"}, "--admin-group: there is no group 'no such group'"},
    {{"--listen=::1:9000"}, "--listen: '::1:9000' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=[]:9000"}, "--listen: '[]:9000' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=a:65536"}, "--listen: 'a:65536' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=a:"}, "--listen: 'a:' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--listen=\u00a0a:1"}, "--listen: '\u00a0a:1' is not HOST:PORT (for IPv6: [::1]:9000)"},
    {{"--http-host=m\u00fcller.example"},
     "--http-host: 'm\u00fcller.example' is no host's name (without a port)"},
    {{"--http="}, "--http: '' is neither HOST:PORT nor off"},
    {{"--http-host="}, "--http-host: '' is no host's name (without a port)"},
    {{"--http-host=a:80"}, "--http-host: 'a:80' is no host's name (without a port)"},
    {{"--http-host=*.example.org"}, "--http-host: '*.example.org' is neither a whole name nor *"},
    {{"--http-host=http://a"}, "--http-host: 'http://a' is no host's name (without a port)"},
    {{"--cors=example.org"},
     "--cors: 'example.org' is neither an origin (https://example.org) nor *"},
    {{"--cors=https://"}, "--cors: 'https://' is neither an origin (https://example.org) nor *"},
    {{"--cors=http://a/"}, "--cors: 'http://a/' is neither an origin (https://example.org) nor *"},
    {{"--cors=http://a\r\nb"},
     "--cors: 'http://a\r\nb' is neither an origin (https://example.org) nor *"},
    {{"--cors=null"}, "--cors: 'null' is neither an origin (https://example.org) nor *"},
    {{"--trusted-proxy=proxy"},
     "--trusted-proxy: 'proxy' is neither an IP address nor a network (10.0.0.0/8)"},
    {{"--trusted-proxy=10.0.0.0/33"},
     "--trusted-proxy: '10.0.0.0/33' is neither an IP address nor a network (10.0.0.0/8)"},
    {{"--request-timeout=0"}, "--request-timeout: '0' is not a whole number from 1 to 86400"},
    {{"--poll=lunch"}, "--poll: 'lunch' is not NAME=CHOICE,CHOICE,..."},
    {{"--poll==a,b"}, "--poll: '=a,b' is not NAME=CHOICE,CHOICE,..."},
    {{"--poll=lunch="}, "--poll: a poll has 2 to 256 choices"},
    {{"--poll=lunch=pizza"}, "--poll: a poll has 2 to 256 choices"},
    {{"--poll=lunch=pizza,"}, "--poll: '' can't be a choice's name"},
    {{"--poll=lunch=pizza,a b"}, "--poll: 'a b' can't be a choice's name"},
    {{"--poll=lunch=pizza," LETTERS_80}, "--poll: '" LETTERS_80 "' can't be a choice's name"},
    {{"--poll=lunch=pizza," LETTERS_80 "b"}, "--poll: '" LETTERS_80 "' can't be a choice's name"},
    {{"--poll=lunch=pizza,sushi,Pizza"}, "--poll: the choice pizza is there twice"},
    {{"--poll=a=x,y", "--poll=A=z,y"}, "--poll: the poll a is there twice"},
    {{"--config=/nonexistent"}, "can't open /nonexistent: No such file or directory"},
};

START_TEST(a_mistake_on_the_command_line_is_told)
{
    ck_assert_int_eq(load(mistakes[_i].arguments), CONFIG_ERROR);
    ck_assert_str_eq(text, mistakes[_i].error);
}
END_TEST

static const struct {
    const char *content;
    const char *error; /* after the file's name */
} file_mistakes[] = {
    {"\n\nnonsense\n", ":3: 'nonsense' is not NAME = VALUE"},
    {"# x\ncolour = red\n", ":2: there is no option 'colour' (tallycast --help lists them)"},
    {"--database = a.db\n", ":1: there is no option '--database': is database meant?"},
    {"databse = a.db\n", ":1: there is no option 'databse': is database meant?"},
    {"= a.db\n", ":1: there is no option '' (tallycast --help lists them)"},
    {"database = a.db\npush-interval = 1\ndatabase = b.db\n",
     ":3: database: it is in line 1 already"},
    {"database = \"a.db\"\n", ":1: database: values stand without quotes"},
    {"http = 'off'\n", ":1: http: values stand without quotes"},
    {"database = a.db\u00a0\n",
     ":1: database: there is a character in the value that nobody sees, as "
     "a no-break space: type it anew"},
    {"listen = \u200b9100\n",
     ":1: listen: there is a character in the value that nobody sees, as a "
     "no-break space: type it anew"},
    {"database = a.db # mine\n", ":1: database: a comment stands in a line of its own"},
    {"database = a.db\rlisten = 1\n",
     ":1: database: there is a control character (0x0d) in the value"},
    {"\xff\xfe"
     "d\n",
     ":1: the file is in UTF-16: save it as UTF-8"},
    {"\xfe\xff"
     "\n",
     ":1: the file is in UTF-16: save it as UTF-8"},
    {"\n\xef\xbb\xbf"
     "database = a.db\n",
     ":2: there is no option '\xef\xbb\xbf"
     "database': is database meant?"},
    {"database =\n", ":1: database: the name is empty"},
    {"push-interval = 50 # ms\n", ":1: push-interval: a comment stands in a line of its own"},
    {"help = yes\n", ":1: help can be given on the command line only"},
    {"config = other\n", ":1: config can be given on the command line only"},
    {"poll = a=x,y\npoll = a=x,y\n", ":2: poll: the poll a is there twice"},
};

START_TEST(a_mistake_in_a_file_is_told_with_its_place)
{
    char expected[READER_ERROR_MAX];
    ck_assert_int_eq(load_file(file_mistakes[_i].content), CONFIG_ERROR);
    snprintf(expected, sizeof expected, "%s%s", path, file_mistakes[_i].error);
    ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told)
{
    ck_assert_int_eq(LOAD("--config", "/"), CONFIG_ERROR);
    ck_assert_ptr_nonnull(strstr(text, "/:1: can't read on: "));
}
END_TEST

/* None of these is a mistake in the configuration: the next start may go well. */
START_TEST(memory_that_runs_short_is_no_mistake)
{
    char name[] = "tallycast", cors[] = "--cors=*", host[] = "--http-host=vote.example";
    char poll[] = "--poll=a=x,y", *arguments[] = {name, cors, host, poll, NULL};
    long succeeded = 0;
    enum config_outcome outcome;
    do {
        allocations_fail_after(succeeded++);
        outcome = config_load(&config, 4, arguments, text);
        allocations_succeed();
        if (outcome != CONFIG_RUN)
            ck_assert_int_eq(outcome, CONFIG_FAILED);
        ck_assert(outcome == CONFIG_RUN || strstr(text, "out of memory"));
        config_free(&config);
    } while (outcome != CONFIG_RUN);
    ck_assert_int_gt(succeeded, 6); /* a database, an admin socket, and what is above */
}
END_TEST

static struct {
    const char *argument;
    const char *error;
} const with_descriptors[] = {
    {"--config=%s", "can't open %s: Too many open files"},
    {"--admin-group=no-such-group", "--admin-group: can't look up the group 'no-such-group': "},
};

START_TEST(descriptors_that_run_short_are_no_mistake)
{
    char argument[TEMPORARY_MAX + 32], expected[TEMPORARY_MAX + 64];
    snprintf(argument, sizeof argument, with_descriptors[_i].argument, path);
    snprintf(expected, sizeof expected, with_descriptors[_i].error, path);
    write_file("");
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    enum config_outcome outcome = LOAD(argument);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(outcome, CONFIG_FAILED);
    ck_assert_ptr_eq(strstr(text, expected), text);
}
END_TEST

START_TEST(a_nul_byte_in_a_file_is_told)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(fd, "database = a\0b\n", 15), 15);
    close(fd);
    ck_assert_int_eq(LOAD("--config", path), CONFIG_ERROR);
    ck_assert_ptr_nonnull(strstr(text, ":1: there is a NUL byte"));
}
END_TEST

START_TEST(at_most_sixteen_addresses)
{
    const char *arguments[CONFIG_LISTEN_MAX + 2] = {NULL};
    for (int i = 0; i < CONFIG_LISTEN_MAX; i++)
        arguments[i] = "--listen=localhost:0";
    ck_assert_int_eq(load(arguments), CONFIG_RUN);
    ck_assert_uint_eq(config.listen_count, CONFIG_LISTEN_MAX);
    config_free(&config);
    arguments[CONFIG_LISTEN_MAX] = arguments[0];
    ck_assert_int_eq(load(arguments), CONFIG_ERROR);
    ck_assert_str_eq(text, "--listen: at most 16 addresses");
}
END_TEST

START_TEST(at_most_sixteen_names_and_proxies)
{
    const char *const each[] = {"--http-host=a", "--trusted-proxy=::1"};
    const char *const told[] = {"--http-host: at most 16 names",
                                "--trusted-proxy: at most 16 addresses"};
    const char *arguments[CONFIG_HTTP_HOSTS_MAX + 2] = {NULL};
    for (int i = 0; i < CONFIG_HTTP_HOSTS_MAX; i++)
        arguments[i] = each[_i];
    ck_assert_int_eq(load(arguments), CONFIG_RUN);
    config_free(&config);
    arguments[CONFIG_HTTP_HOSTS_MAX] = each[_i];
    ck_assert_int_eq(load(arguments), CONFIG_ERROR);
    ck_assert_str_eq(text, told[_i]);
}
END_TEST

/* "c0,c1,..." in a --poll. */
static char *poll_of(char *out, unsigned choice_count)
{
    char *end = stpcpy(out, "--poll=big=");
    for (unsigned i = 0; i < choice_count; i++)
        end += sprintf(end, "%sc%u", i > 0 ? "," : "", i);
    return out;
}

START_TEST(at_most_256_choices)
{
    char poll[4096];
    ck_assert_int_eq(LOAD(poll_of(poll, 256)), CONFIG_RUN);
    ck_assert_uint_eq(config.polls[0].choice_count, 256);
    ck_assert_str_eq(config.polls[0].choices[255].text, "c255");
    config_free(&config);
    ck_assert_int_eq(LOAD(poll_of(poll, 257)), CONFIG_ERROR);
    ck_assert_str_eq(text, "--poll: a poll has 2 to 256 choices");
}
END_TEST

/* `--NAME=` and a path of `len` bytes. */
static const char *path_option(const char *name, size_t len)
{
    static char option[256];
    size_t start = (size_t)sprintf(option, "--%s=", name);
    memset(option + start, 'p', len);
    option[start + len] = '\0';
    return option;
}

START_TEST(the_admin_path_has_to_fit_an_address)
{
    ck_assert_int_eq(LOAD(path_option("admin", 107)), CONFIG_RUN);
    config_free(&config);
    ck_assert_int_eq(LOAD(path_option("admin", 108)), CONFIG_ERROR);
    ck_assert_ptr_nonnull(strstr(text, "108 bytes"));
    ck_assert_ptr_nonnull(strstr(text, "--admin"));
    config_free(&config);

    /* The default is longer than the database's path by ".sock". */
    ck_assert_int_eq(LOAD(path_option("database", 102)), CONFIG_RUN);
    config_free(&config);
    ck_assert_int_eq(LOAD(path_option("database", 103)), CONFIG_ERROR);
    config_free(&config);
    ck_assert_int_eq(LOAD(path_option("database", 103), "--admin=a"), CONFIG_RUN);
}
END_TEST

START_TEST(an_error_stays_within_its_bound)
{
    char option[4000] = "--";
    memset(option + 2, 'x', sizeof option - 3);
    ck_assert_int_eq(LOAD(option), CONFIG_ERROR);
    ck_assert_uint_lt(strlen(text), READER_ERROR_MAX);
    ck_assert_ptr_nonnull(strstr(text, "--help"));
}
END_TEST

UNIT_MAIN("config",
          {"good", .set_up = make_path, .tear_down = clean_up,
           .tests = {{defaults},
                     {every_option_on_the_command_line},
                     {every_option_in_a_file},
                     {the_command_line_wins},
                     {the_last_of_two_values_counts_and_that_is_told},
                     {an_address_may_leave_out_its_half, .loops = UNIT_COUNT(addresses)},
                     {a_file_has_the_form_that_its_editor_gives_it, .loops = UNIT_COUNT(forms)},
                     {the_sample_is_good},
                     {check_config},
                     {version, .loops = 2},
                     {help_fits_a_terminal_and_names_everything, .loops = 2}}},
          {"bad", .set_up = make_path, .tear_down = clean_up,
           .tests = {
               {a_mistake_on_the_command_line_is_told, .loops = UNIT_COUNT(mistakes)},
               {a_mistake_in_a_file_is_told_with_its_place, .loops = UNIT_COUNT(file_mistakes)},
               {a_file_that_cannot_be_read_is_told},
               {memory_that_runs_short_is_no_mistake},
               {descriptors_that_run_short_are_no_mistake, .loops = UNIT_COUNT(with_descriptors)},
               {a_nul_byte_in_a_file_is_told},
               {at_most_sixteen_addresses},
               {at_most_sixteen_names_and_proxies, .loops = 2},
               {at_most_256_choices},
               {the_admin_path_has_to_fit_an_address},
               {an_error_stays_within_its_bound}}})
