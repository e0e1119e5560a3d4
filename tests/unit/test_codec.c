/* Tests of proto/: every command, error and setting, the limits at and over their bounds, and round
 * trips. Lines are parsed in blocks of exactly their size, so that a sanitizer sees a step beyond
 * them. */
#include "tests/support/coverage.h"
#include "proto/number.h"
#include "proto/telnet.h"
#include "proto/line.h"
#include "proto/ascii.h"
#include "proto/command.h"
#include "proto/reply.h"
#include "tests/support/unit.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define NAME_64         "a23456789.123456789_123456789-123456789.123456789_123456789-1234"

/* The block that the last line was parsed in: spans point into it. */
static char *block;
static struct command command;
static const char *why;

static char *exact_copy(const char *bytes, size_t len)
{
    free(block);
    block = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, bytes, len);
    return block;
}

static int parse_bytes(const char *line, size_t len)
{
    why = NULL;
    memset(&command, 0xa5, sizeof command);
    return command_parse(exact_copy(line, len), len, &command, &why);
}

static int parse(const char *line)
{
    return parse_bytes(line, strlen(line));
}

static void assert_parses(const char *line, enum command_id id)
{
    int error = parse(line);
    ck_assert_msg(error == 0, "'%s': %s", line, why);
    ck_assert_msg(command.id == id, "'%s' is command %d", line, (int)command.id);
}

/* The line is refused with a text that holds `hint`. */
static void assert_refused(const char *line, const char *hint)
{
    int error = parse(line);
    ck_assert_msg(error == ERR_BAD_ARGUMENT, "'%s' gave %d", line, error);
    ck_assert_msg(strstr(why, hint) != NULL, "'%s': '%s' lacks '%s'", line, why, hint);
}

static void assert_name(const struct name *name, const char *text)
{
    ck_assert_str_eq(name->text, text);
    ck_assert_uint_eq(name->len, strlen(text));
}

static void assert_span(struct span span, const char *text)
{
    ck_assert_ptr_nonnull(span.at);
    ck_assert_uint_eq(span.len, strlen(text));
    ck_assert_mem_eq(span.at, text, span.len);
}

static bool is_text(const char *bytes, size_t len)
{
    return line_is_text(exact_copy(bytes, len), len);
}

static bool is_foreign(const char *line)
{
    return line_is_foreign(exact_copy(line, strlen(line)), strlen(line));
}

/* ---- Lines ---- */

START_TEST(every_single_byte)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool good = c == '\t' || (c >= 0x20 && c < 0x7f);
        ck_assert_msg(is_text(&byte, 1) == good, "byte 0x%02x", (unsigned)c);
    }
}
END_TEST

/* A byte must be judged alike wherever it stands in or after the chunks of eight. */
START_TEST(every_byte_at_every_place)
{
    for (int c = 0; c < 256; c++) {
        bool good = c == '\t' || (c >= 0x20 && c < 0x7f);
        for (size_t at = 0; at < 21; at++) {
            char line[21];
            memset(line, 'x', sizeof line);
            line[at] = (char)c;
            ck_assert_msg(is_text(line, sizeof line) == good, "byte 0x%02x at %zu", (unsigned)c,
                          at);
        }
    }
}
END_TEST

static size_t encode_utf8(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[len] | code);
    return len;
}

START_TEST(every_code_point)
{
    for (uint32_t code = 0; code < 0x110000 + 0x1000; code++) {
        char bytes[4];
        size_t len = encode_utf8(code, bytes);
        bool control = (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        bool good = !control && !surrogate && code <= 0x10ffff;
        ck_assert_msg(line_is_text(bytes, len) == good, "U+%04" PRIX32, code);
    }
}
END_TEST

START_TEST(malformed_utf8)
{
    static const char *const lines[] = {
        "\x80",                 /* a continuation alone */
        "a\xbf",                /* and at the end */
        "\xc3",                 /* cut off after 1 of 2 */
        "\xc3(",                /* not continued */
        "\xe2\x82",             /* cut off after 2 of 3 */
        "\xe2(\xa1",            /* not continued */
        "\xe2\x82(",            /* not continued at the end */
        "\xf0\x9f\x8d",         /* cut off after 3 of 4 */
        "\xf0\x9f(\x95",        /* not continued */
        "\xc3\xc3\xa9",         /* a lead byte for a continuation */
        "\xc0\xaf",             /* overlong / */
        "\xc1\xbf",             /* overlong DEL */
        "\xe0\x80\xaf",         /* overlong / in 3 */
        "\xe0\x9f\xbf",         /* overlong U+07FF */
        "\xf0\x80\x80\xaf",     /* overlong / in 4 */
        "\xf0\x8f\xbf\xbf",     /* overlong U+FFFF */
        "\xed\xa0\x80",         /* U+D800 */
        "\xed\xbf\xbf",         /* U+DFFF */
        "\xf4\x90\x80\x80",     /* U+110000 */
        "\xf7\xbf\xbf\xbf",     /* U+1FFFFF */
        "\xf8\x88\x80\x80\x80", /* five bytes */
        "\xfe",
        "\xff",
        "\xc2\x80", /* U+0080, the first C1 control */
        "\xc2\x9f", /* the last */
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        char line[64];
        ck_assert_msg(!is_text(lines[i], strlen(lines[i])), "line %zu", i);
        snprintf(line, sizeof line, "PING 12345678 %s 12345678", lines[i]);
        ck_assert_msg(!is_text(line, strlen(line)), "line %zu in the middle", i);
    }
}
END_TEST

START_TEST(good_utf8)
{
    static const char *const lines[] = {
        "",
        "\t",
        "VOTE lunch pizza",
        "J\xc3\xbcrgen",
        "\xc2\xa0",         /* U+00A0, just after the controls */
        "\xdf\xbf",         /* U+07FF */
        "\xe0\xa0\x80",     /* U+0800 */
        "\xed\x9f\xbf",     /* U+D7FF */
        "\xee\x80\x80",     /* U+E000 */
        "\xef\xbf\xbf",     /* U+FFFF */
        "\xf0\x90\x80\x80", /* U+10000 */
        "\xf4\x8f\xbf\xbf", /* U+10FFFF */
        "1234567\xf0\x9f\x8d\x95 across a chunk \xe2\x82\xac",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        ck_assert_msg(is_text(lines[i], strlen(lines[i])), "line %zu", i);
}
END_TEST

START_TEST(empty_lines)
{
    ck_assert(line_is_empty("", 0));
    ck_assert(line_is_empty(" \t  ", 4));
    ck_assert(!line_is_empty(" \t .", 4));
    ck_assert(!line_is_empty("x", 1));
}
END_TEST

START_TEST(foreign_lines)
{
    static const char *const methods[] = {"GET",     "HEAD",  "POST",    "PUT",   "DELETE",
                                          "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        char line[64];
        snprintf(line, sizeof line, "%s /", methods[i]);
        ck_assert_msg(is_foreign(line), "%s", line);
        snprintf(line, sizeof line, "%s ", methods[i]);
        ck_assert_msg(is_foreign(line), "%s", line);
        ck_assert_msg(!is_foreign(methods[i]), "%s", methods[i]);
    }
    ck_assert(is_foreign("BREW /pot HTTP/1.1"));
    ck_assert(is_foreign("VOTE lunch HTTP/1.0"));
    ck_assert(is_foreign("VOTE lunch HTTP/1.1\r"));
    ck_assert(is_foreign("x HTTP/2.0 \t"));
    ck_assert(is_foreign("HTTP/1.1"));
    ck_assert(is_foreign("  GET / HTTP/1.1"));
    ck_assert(is_foreign("GET /a-line-that-was-cut-off"));
    ck_assert(is_foreign(" GET /a-line-that-was-cut-off"));
    ck_assert(is_foreign("\t \tPOST /"));
    static const char followed[] = "  BREW /pot HTTP/1.1xx"; /* by what is no part of the line */
    ck_assert(line_is_foreign(followed, sizeof followed - 3));
    ck_assert(is_foreign("POST \x01\xff"));
    ck_assert(is_foreign("DESCRIBE rtsp://lunch/ RTSP/1.0\r"));
    ck_assert(is_foreign("INVITE sip:lunch SIP/2.0"));
    ck_assert(is_foreign("SSH-2.0-OpenSSH_9.2"));
    ck_assert(is_foreign("EHLO localhost"));
    ck_assert(is_foreign("USER anonymous"));
}
END_TEST

START_TEST(lines_that_are_not_foreign)
{
    static const char *const lines[] = {
        "",
        " ",
        "VOTE lunch pizza",
        "get / ",
        "Get /",
        "GETS /",
        "GET\t/",
        "PING GET /",
        "PING http/1.1",
        "PING HTTP/1",
        "PING HTTP/1.",
        "PING HTTP/11",
        "PING HTTP/x.1",
        "PING HTTP/1.x",
        "PING HTTP/1.1.",
        "/1.1",
        "PING a/1.1",
        "SSH",
        "USER",
        "USERS x",
        "ssh-2.0",
        "PING SSH-2.0",
        "VOTE lunch pizza as=GET",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        ck_assert_msg(!is_foreign(lines[i]), "%s", lines[i]);
}
END_TEST

START_TEST(control_characters)
{
    for (unsigned c = 0; c < 256; c++) {
        const char bytes[] = {'a', (char)c};
        bool control = (c < 0x20 && c != '\t' && c != '\r') || c == 0x7f;
        ck_assert_msg(line_has_control(exact_copy(bytes, 2), 2) == control, "%u", c);
    }
    ck_assert(!line_has_control("", 0));
}
END_TEST

/* Each command, cut at each place, and with something after it. */
START_TEST(telnet_commands)
{
    static const struct {
        const char *bytes;
        ptrdiff_t len;
    } commands[] = {
        {"\xff\xfb\x1f", 3},
        {"\xff\xfc\x01", 3},
        {"\xff\xfd\x03", 3},
        {"\xff\xfe\xff", 3},
        {"\xff\xf1", 2},
        {"\xff\xf9", 2},
        {"\xff\xfa\x18\x01\xff\xf0", 6},
        {"\xff\xfa\x1f\x01\n\xff\xff\x0a\xff\xf0", 10},
        {"\xff\xfa\xff\xf0", 4},
    };
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        char line[32] = {0};
        size_t len = (size_t)commands[i].len;
        memcpy(line, commands[i].bytes, len);
        strcpy(line + len, "PING");
        ck_assert_int_eq(telnet_command_len(exact_copy(line, len + 4), len + 4), commands[i].len);
        for (size_t cut = 1; cut < len; cut++)
            ck_assert_int_eq(telnet_command_len(exact_copy(line, cut), cut), -1);
    }
    ck_assert_int_eq(telnet_command_len("", 0), 0);
    ck_assert_int_eq(telnet_command_len("PING", 4), 0);
    ck_assert_int_eq(telnet_command_len("\xff\xff", 2), 0);
    ck_assert_int_eq(telnet_command_len("\xff\xf0", 2), 0);
    ck_assert_int_eq(telnet_command_len("\xffPING", 5), 0);
}
END_TEST

/* ---- Words ---- */

START_TEST(names)
{
    static const char *const good[] = {"a", "z9", "0", "7-up", "a.b_c-d", NAME_64};
    static const char *const bad[] = {"",    ".a",  "_a",       "-a", "a,b",      "a>b",
                                      "a=b", "a b", "\xc3\xbc", "a*", NAME_64 "5"};
    struct name name;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        ck_assert(name_parse(good[i], strlen(good[i]), &name));
        assert_name(&name, good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!name_parse(bad[i], strlen(bad[i]), &name), "%s", bad[i]);
    ck_assert(name_parse("AbC.XyZ-09!", 10, &name));
    assert_name(&name, "abc.xyz-09");
}
END_TEST

START_TEST(name_bytes)
{
    for (int c = 0; c < 256; c++) {
        struct name name;
        char word[] = {'a', (char)c};
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool first = letter || (c >= '0' && c <= '9');
        bool later = first || c == '.' || c == '_' || c == '-';
        ck_assert_msg(name_parse(word, 2, &name) == later, "0x%02x", (unsigned)c);
        ck_assert_msg(name_parse(word + 1, 1, &name) == first, "0x%02x first", (unsigned)c);
    }
}
END_TEST

START_TEST(voters)
{
    for (int c = 0; c < 256; c++) {
        char word = (char)c;
        ck_assert_msg(id_is_valid(&word, 1) == (c > 0x20 && c < 0x7f), "0x%02x", (unsigned)c);
    }
    ck_assert(!id_is_valid("", 0));
    ck_assert(id_is_valid(NAME_64, 64));
    ck_assert(!id_is_valid(NAME_64 "5", 65));
}
END_TEST

static bool number_is(const char *word, uint64_t max, uint64_t expected)
{
    uint64_t number = expected + 1;
    return number_parse(word, strlen(word), max, &number) && number == expected;
}

START_TEST(numbers)
{
    ck_assert(number_is("0", UINT64_MAX, 0));
    ck_assert(number_is("0", 0, 0));
    ck_assert(number_is("007", 7, 7));
    ck_assert(number_is("18446744073709551615", UINT64_MAX, UINT64_MAX));
    ck_assert(number_is("000018446744073709551615", UINT64_MAX, UINT64_MAX));
    ck_assert(number_is("3600000", 3600000, 3600000));
    ck_assert(number_is("9", 9, 9));

    static const char *const bad[] = {"",   "-1",  "+1",  " 1",
                                      "1 ", "1.0", "0x1", "18446744073709551616"};
    uint64_t number = 77;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!number_parse(bad[i], strlen(bad[i]), UINT64_MAX, &number), "%s", bad[i]);
    ck_assert(!number_parse("99999999999999999999", 20, UINT64_MAX, &number));
    ck_assert(!number_parse("3600001", 7, 3600000, &number));
    ck_assert(!number_parse("8", 1, 7, &number));
    ck_assert(!number_parse("1", 1, 0, &number));
    ck_assert_uint_eq(number, 77);
}
END_TEST

static struct span span_of(const char *text)
{
    size_t len = strlen(text);
    return (struct span){exact_copy(text, len), len};
}

START_TEST(spans_are_compared_whole)
{
    ck_assert(span_is(span_of("ballots"), "ballots"));
    ck_assert(!span_is(span_of("Ballots"), "ballots"));
    ck_assert(!span_is(span_of("ballot"), "ballots"));
    ck_assert(!span_is(span_of("ballotss"), "ballots"));
    ck_assert(span_is((struct span){NULL, 0}, ""));
    ck_assert(span_is_nocase(span_of("BaLLots"), "ballots"));
    ck_assert(span_is_nocase(span_of("ballots"), "BALLOTS"));
    ck_assert(!span_is_nocase(span_of("ballot"), "ballots"));
    ck_assert(!span_is_nocase(span_of("ballotss"), "ballots"));
    ck_assert(!span_is_nocase((struct span){"b\0", 2}, "b"));
    ck_assert(!span_is_nocase(span_of("@["), "`{"));
    ck_assert(span_is_nocase((struct span){NULL, 0}, ""));
    ck_assert_int_eq(ascii_fold('\xc3'), '\xc3');
}
END_TEST

/* ---- Lists ---- */

START_TEST(errors)
{
    ck_assert_int_eq(ERROR_COUNT, 19);
    for (int i = 0; i < ERROR_COUNT; i++) {
        enum error error = (enum error)(-1 - i);
        const char *code = error_code(error);
        ck_assert_uint_eq(strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"), strlen(code));
        ck_assert_uint_gt(strlen(error_text(error)), 0);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(code, error_code((enum error)(-1 - j)));
    }
    ck_assert_int_lt(ERR_BAD_LINE, 0);
    ck_assert_str_eq(error_code(ERR_BAD_LINE), "BAD-LINE");
    ck_assert_str_eq(error_code(ERR_NO_SUCH_POLL), "NO-SUCH-POLL");
    ck_assert_str_eq(error_text(ERR_UNKNOWN_COMMAND), "try HELP");
    ck_assert_str_eq(error_code(ERR_SHUTTING_DOWN), "SHUTTING-DOWN");
}
END_TEST

START_TEST(errors_that_count)
{
    static const enum error blameless[] = {
        ERR_POLL_CLOSED,          ERR_ALREADY_VOTED,   ERR_LIMIT,         ERR_STORAGE,
        ERR_TOO_MANY_CONNECTIONS, ERR_TOO_MANY_ERRORS, ERR_SHUTTING_DOWN,
    };
    size_t blaming = 0;
    for (int i = 0; i < ERROR_COUNT; i++)
        blaming += error_blames_client((enum error)(-1 - i));
    ck_assert_uint_eq(blaming, ERROR_COUNT - COUNT_OF(blameless));
    for (size_t i = 0; i < COUNT_OF(blameless); i++)
        ck_assert(!error_blames_client(blameless[i]));
}
END_TEST

/* Nobody is told twice to try what can't succeed, nor kept from what may. */
START_TEST(errors_have_a_status)
{
    static const enum error later[] = {ERR_LIMIT, ERR_STORAGE, ERR_TOO_MANY_CONNECTIONS,
                                       ERR_SHUTTING_DOWN};
    size_t for_later = 0;
    for (int i = 0; i < ERROR_COUNT; i++) {
        int status = error_status((enum error)(-1 - i));
        ck_assert(status == 503 || (status >= 400 && status < 500));
        for_later += status == 503;
        ck_assert_uint_gt(strlen(error_detail((enum error)(-1 - i))), 0);
    }
    ck_assert_uint_eq(for_later, COUNT_OF(later));
    for (size_t i = 0; i < COUNT_OF(later); i++)
        ck_assert_int_eq(error_status(later[i]), 503);
    ck_assert_int_eq(error_status(ERR_BAD_ARGUMENT), 400);
    ck_assert_int_eq(error_status(ERR_NO_SUCH_POLL), 404);
    ck_assert_int_eq(error_status(ERR_NO_SUCH_CHOICE), 422);
    ck_assert_int_eq(error_status(ERR_ALREADY_VOTED), 409);
    ck_assert_str_eq(error_detail(ERR_POLL_CLOSED), error_text(ERR_POLL_CLOSED));
    ck_assert_str_eq(error_detail(ERR_NO_SUCH_POLL), "there is no poll of this name");
}
END_TEST

START_TEST(setting_words)
{
    enum { VALUES_MAX = 7 };
    static const char *const expected[SETTING_COUNT][1 + VALUES_MAX] = {
        [SETTING_BALLOTS] = {"ballots", "changeable", "once", "unlimited"},
        [SETTING_VOTERS] = {"voters", "connection", "named", "address"},
        [SETTING_REVEAL] = {"reveal", "live", "closed"},
        [SETTING_RECORD] = {"record", "pseudonym", "name"},
        [SETTING_STATE] = {"state", "open", "closed"},
        [SETTING_KIND] = {"kind", "single", "approval", "score", "ranked"},
        [SETTING_METHOD] = {"method", "plurality", "approval", "score", "star", "schulze", "irv",
                            "stv"},
        [SETTING_EQUAL] = {"equal", "yes", "no"},
        [SETTING_ABSTAIN] = {"abstain", "yes", "no"},
        [SETTING_SEATS] = {"seats"},
        [SETTING_MIN] = {"min"},
        [SETTING_MAX] = {"max"},
        [SETTING_SCORES] = {"scores"},
    };
    for (int i = 0; i < SETTING_COUNT; i++) {
        enum setting setting = (enum setting)i;
        const char *name = expected[i][0];
        ck_assert_str_eq(setting_name(setting), name);
        ck_assert_int_eq(setting_find(name, strlen(name)), i);
        ck_assert(setting_is_number(setting) == !expected[i][1]);
        for (unsigned v = 0; v < VALUES_MAX && expected[i][v + 1]; v++) {
            const char *value = expected[i][v + 1];
            ck_assert_str_eq(setting_value_name(setting, v), value);
            ck_assert_int_eq(setting_value_find(setting, value, strlen(value)), (int)v);
            ck_assert_ptr_nonnull(strstr(setting_usage(setting), value));
            ck_assert_ptr_nonnull(strstr(setting_help(setting), value));
        }
    }
}
END_TEST

START_TEST(setting_words_that_are_not)
{
    ck_assert_int_eq(setting_find("ballot", 6), -1);
    ck_assert_int_eq(setting_find("", 0), -1);
    ck_assert_int_eq(setting_find("BALLOTS", 7), SETTING_BALLOTS);
    ck_assert_int_eq(setting_value_find(SETTING_REVEAL, "live", 4), REVEAL_LIVE);
    ck_assert_int_eq(setting_value_find(SETTING_REVEAL, "CLOSED", 6), REVEAL_CLOSED);
    ck_assert_int_eq(setting_value_find(SETTING_REVEAL, "open", 4), -1);
    ck_assert_int_eq(setting_value_find(SETTING_BALLOTS, "", 0), -1);
}
END_TEST

/* Every usage begins with its own word, and every command is found by it in any case. */
START_TEST(command_list)
{
    ck_assert_int_eq(CMD_VOTE, 0); /* what a session has asked for is 0 where it is ballots */
    for (int i = 0; i < CMD_COUNT; i++) {
        const struct command_info *info = &command_info[i];
        char line[64];
        ck_assert_mem_eq(info->usage, info->word, strlen(info->word));
        ck_assert_uint_gt(strlen(info->meaning), 0);
        ck_assert_int_eq(info->access == COMMAND_EVERYONE, i < CMD_CREATE);
        snprintf(line, sizeof line, "help %s", info->word);
        for (size_t c = 5; line[c]; c += 2)
            line[c] = ascii_fold(line[c]);
        assert_parses(line, CMD_HELP);
        ck_assert_int_eq(command.help, i);
    }
}
END_TEST

/* ---- Commands for everyone ---- */

START_TEST(vote)
{
    assert_parses("VOTE lunch pizza", CMD_VOTE);
    assert_name(&command.poll, "lunch");
    assert_name(&command.choice, "pizza");
    ck_assert_ptr_null(command.voter.at);
    ck_assert_ptr_null(command.key.at);

    assert_parses(" \tvote\t \tLUNCH  Pizza.2 \t", CMD_VOTE);
    assert_name(&command.poll, "lunch");
    assert_name(&command.choice, "pizza.2");
    assert_span(command.ballot, "Pizza.2");

    assert_parses("Vote " NAME_64 " 2", CMD_VOTE);
    assert_name(&command.poll, NAME_64);
    assert_name(&command.choice, "2");
}
END_TEST

/* What they say depends on the poll. */
START_TEST(vote_with_more_than_a_name)
{
    static const char *const ballots[] = {"-", "pizza,sushi", "a=5,B=0", "b>a=c",
                                          ",", "a=>",         "-,x"};
    for (size_t i = 0; i < COUNT_OF(ballots); i++) {
        char line[64];
        snprintf(line, sizeof line, "VOTE lunch %s as=ann", ballots[i]);
        assert_parses(line, CMD_VOTE);
        assert_span(command.ballot, ballots[i]);
        ck_assert_uint_eq(command.choice.len, 0);
        assert_span(command.voter, "ann");
    }
}
END_TEST

START_TEST(vote_options)
{
    assert_parses("VOTE lunch pizza as=Ann@Example id=Key", CMD_VOTE);
    assert_span(command.voter, "Ann@Example");
    assert_span(command.key, "Key");

    assert_parses("VOTE lunch pizza ID=a=b AS==", CMD_VOTE);
    assert_span(command.voter, "=");
    assert_span(command.key, "a=b");

    assert_parses("VOTE lunch pizza as=\"Ann  Lee\" id=\"k\"", CMD_VOTE);
    assert_span(command.voter, "Ann  Lee");
    assert_span(command.key, "\"k\"");
    assert_parses("VOTE lunch pizza id=1 as=\"J\xc3\xbcrgen id=2\"", CMD_VOTE);
    assert_span(command.voter, "J\xc3\xbcrgen id=2");
    assert_parses("VOTE lunch pizza as=" NAME_64 " id=" NAME_64, CMD_VOTE);
    assert_span(command.voter, NAME_64);
    assert_span(command.key, NAME_64);
}
END_TEST

START_TEST(vote_refused)
{
    static const char usage[] = "usage: VOTE poll choice [as=voter] [id=key]";
    assert_refused("VOTE", usage);
    assert_refused("VOTE ", usage);
    assert_refused("VOTE lunch", usage);
    assert_refused("VOTE lunch pizza sushi", usage);
    assert_refused("VOTE lunch pizza as=ann please", usage);
    assert_refused("VOTE as=ann lunch pizza", "a name is 1 to 64");
    assert_refused("VOTE lunch pizza;sushi", "a name is 1 to 64");
    assert_refused("VOTE lunch pizza,s\xc3\xbcshi", "a name is 1 to 64");
    assert_refused("VOTE lunch --", "a name is 1 to 64");
    assert_refused("VOTE lunch -pizza", "a name is 1 to 64");
    assert_refused("VOTE lunch " NAME_64 "5", "a name is 1 to 64");
    assert_refused("VOTE " NAME_64 "5 pizza", "a name is 1 to 64");
    assert_refused("VOTE lunch \xc3\xbc", "a name is 1 to 64");
    assert_refused("VOTE lunch pizza who=ann", "unknown option");
    assert_refused("VOTE lunch pizza =ann", "unknown option");
    assert_refused("VOTE lunch pizza as=ann AS=bob", "twice");
    assert_refused("VOTE lunch pizza id=1 as=ann id=1", "twice");
    assert_refused("VOTE lunch pizza as=", "1 to 128 bytes of text");
    assert_refused("VOTE lunch pizza as=\"\"", "1 to 128 bytes of text");
    assert_refused("VOTE lunch pizza as=\" \"", "1 to 128 bytes of text");
    assert_refused("VOTE lunch pizza as=\"a\"b\"", "quotation mark ends with one");
    assert_refused("VOTE lunch pizza as=\"ann", "quotation mark ends with one");
    assert_refused("VOTE lunch pizza as=\"ann\"x", "quotation mark ends with one");
    assert_refused("VOTE lunch pizza as=\"ann\" bob", usage);
    assert_refused("VOTE lunch pizza id=", "1 to 64 printable");
    assert_refused("VOTE lunch pizza as=" NAME_64 NAME_64 "9", "1 to 128 bytes of text");
    assert_refused("VOTE lunch pizza id=J\xc3\xbcrgen", "1 to 64 printable");
    assert_refused("VOTE lunch pizza id=\"a b\"", usage);
    assert_refused("VOTE lunch pizza id=" NAME_64 "5", "1 to 64 printable");
}
END_TEST

START_TEST(as)
{
    assert_parses("AS Ann=1", CMD_AS);
    assert_span(command.voter, "Ann=1");
    assert_parses("as " NAME_64 " ", CMD_AS);
    assert_span(command.voter, NAME_64);
    assert_refused("AS", "usage: AS voter");
    assert_parses("AS  J\xc3\xbcrgen \t von Ahn ", CMD_AS);
    assert_span(command.voter, "J\xc3\xbcrgen \t von Ahn");
    assert_parses("AS \"Ann Lee\"", CMD_AS);
    assert_span(command.voter, "Ann Lee");
    assert_refused("AS \"", "1 to 128 bytes of text");
    assert_refused("AS Ann \"Lee\"", "1 to 128 bytes of text");
    assert_refused("AS " NAME_64 NAME_64 "9", "1 to 128 bytes of text");
}
END_TEST

START_TEST(commands_of_one_poll)
{
    static const enum command_id ids[] = {CMD_SHOW, CMD_DESCRIBE, CMD_OPEN, CMD_CLOSE};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        const char *word = command_info[ids[i]].word;
        char line[128];
        snprintf(line, sizeof line, "%s Lunch", word);
        assert_parses(line, ids[i]);
        assert_name(&command.poll, "lunch");
        assert_refused(word, command_info[ids[i]].usage);
        snprintf(line, sizeof line, "%s lunch now", word);
        assert_refused(line, command_info[ids[i]].usage);
        snprintf(line, sizeof line, "%s *", word);
        assert_refused(line, "a name is 1 to 64");
    }
}
END_TEST

START_TEST(commands_without_arguments)
{
    static const enum command_id ids[] = {CMD_POLLS, CMD_QUIT, CMD_STATS, CMD_CLIENTS,
                                          CMD_SHUTDOWN};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        const char *word = command_info[ids[i]].word;
        char line[128];
        assert_parses(word, ids[i]);
        snprintf(line, sizeof line, "\t%s \t", word);
        assert_parses(line, ids[i]);
        snprintf(line, sizeof line, "%s now", word);
        assert_refused(line, command_info[ids[i]].usage);
    }
}
END_TEST

START_TEST(subscribe)
{
    assert_parses("SUBSCRIBE Lunch", CMD_SUBSCRIBE);
    ck_assert(!command.all);
    assert_name(&command.poll, "lunch");
    ck_assert_uint_eq(command.number, 0);

    assert_parses("SUBSCRIBE * every=1", CMD_SUBSCRIBE);
    ck_assert(command.all);
    ck_assert_uint_eq(command.number, 1);

    assert_parses("SUBSCRIBE lunch EVERY=3600000", CMD_SUBSCRIBE);
    ck_assert(!command.all);
    ck_assert_uint_eq(command.number, 3600000);
    ck_assert(!command.results);

    assert_parses("SUBSCRIBE * Results=Yes every=7", CMD_SUBSCRIBE);
    ck_assert(command.all && command.results);
    ck_assert_uint_eq(command.number, 7);
    assert_parses("SUBSCRIBE lunch results=no", CMD_SUBSCRIBE);
    ck_assert(!command.results);
}
END_TEST

START_TEST(subscribe_refused)
{
    assert_refused("SUBSCRIBE", "usage: SUBSCRIBE poll|* [every=MS]");
    assert_refused("SUBSCRIBE lunch 100", "usage: SUBSCRIBE");
    assert_refused("SUBSCRIBE **", "a name is 1 to 64");
    assert_refused("SUBSCRIBE lunch every=0", "from 1 to 3600000");
    assert_refused("SUBSCRIBE lunch every=3600001", "from 1 to 3600000");
    assert_refused("SUBSCRIBE lunch every=", "from 1 to 3600000");
    assert_refused("SUBSCRIBE lunch every=1s", "from 1 to 3600000");
    assert_refused("SUBSCRIBE lunch every=-1", "from 1 to 3600000");
    assert_refused("SUBSCRIBE lunch every=1 every=1", "twice");
    assert_refused("SUBSCRIBE lunch each=1", "unknown option: SUBSCRIBE takes every= and results=");
    assert_refused("SUBSCRIBE lunch results=", "results= is yes or no");
    assert_refused("SUBSCRIBE lunch results=1", "results= is yes or no");
    assert_refused("SUBSCRIBE lunch results=no results=no", "twice");
}
END_TEST

START_TEST(unsubscribe)
{
    assert_parses("UNSUBSCRIBE Lunch", CMD_UNSUBSCRIBE);
    ck_assert(!command.all);
    assert_name(&command.poll, "lunch");
    assert_parses("unsubscribe *", CMD_UNSUBSCRIBE);
    ck_assert(command.all);
    assert_refused("UNSUBSCRIBE", "usage: UNSUBSCRIBE poll|*");
    assert_refused("UNSUBSCRIBE * every=1", "usage: UNSUBSCRIBE poll|*");
}
END_TEST

START_TEST(ping)
{
    assert_parses("PING", CMD_PING);
    ck_assert_ptr_null(command.text.at);
    assert_parses("PING \t ", CMD_PING);
    ck_assert_ptr_null(command.text.at);
    assert_parses("PING  a\tb  c=d \t", CMD_PING);
    assert_span(command.text, "a\tb  c=d \t");
}
END_TEST

START_TEST(ping_of_a_whole_line)
{
    char line[PROTO_LINE_MAX - 1];
    memset(line, 'x', sizeof line);
    memcpy(line, "PING ", 5);
    ck_assert_int_eq(parse_bytes(line, sizeof line), 0);
    ck_assert_uint_eq(command.text.len, sizeof line - 5);
    char out[REPLY_MAX];
    ck_assert_uint_eq(reply_ok_text(out, command.text.at, command.text.len), sizeof line);
}
END_TEST

START_TEST(help)
{
    assert_parses("HELP", CMD_HELP);
    ck_assert_int_eq(command.help, -1);
    assert_parses("HELP Backup", CMD_HELP);
    ck_assert_int_eq(command.help, CMD_BACKUP);
    assert_refused("HELP VOTES", "no such command");
    assert_refused("HELP VOTE lunch", "usage: HELP [command]");
}
END_TEST

START_TEST(unknown_commands)
{
    static const char *const lines[] = {"VOT lunch pizza", "VOTES lunch pizza", "VOTE=1", "+OK",
                                        "GET / HTTP/1.1",  "\xc3\xbc",          "*",      " \t"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        ck_assert_int_eq(parse(lines[i]), ERR_UNKNOWN_COMMAND);
        ck_assert_str_eq(why, "try HELP");
    }
}
END_TEST

/* The session refuses an administrator's command whatever its arguments are. */
START_TEST(id_is_known_though_arguments_are_bad)
{
    ck_assert_int_eq(parse("KICK me too"), ERR_BAD_ARGUMENT);
    ck_assert_int_eq(command.id, CMD_KICK);
}
END_TEST

START_TEST(only_what_a_vote_uses_is_written)
{
    assert_parses("VOTE lunch pizza", CMD_VOTE);
    const unsigned char *choices = (const unsigned char *)command.choices;
    for (size_t i = 0; i < sizeof command.choices; i++)
        ck_assert_uint_eq(choices[i], 0xa5);
}
END_TEST

/* ---- Commands for the administrator ---- */

START_TEST(create)
{
    assert_parses("CREATE Lunch Pizza sushi", CMD_CREATE);
    assert_name(&command.poll, "lunch");
    ck_assert_uint_eq(command.choice_count, 2);
    assert_name(&command.choices[0], "pizza");
    assert_name(&command.choices[1], "sushi");
    for (int i = 0; i < SETTING_COUNT; i++)
        ck_assert_uint_eq(command.settings.value[i], 0);
}
END_TEST

START_TEST(create_with_settings_anywhere)
{
    assert_parses("create ballots=once lunch VOTERS=Named pizza reveal=CLOSED sushi record=name "
                  "tacos State=closed",
                  CMD_CREATE);
    assert_name(&command.poll, "lunch");
    ck_assert_uint_eq(command.choice_count, 3);
    assert_name(&command.choices[0], "pizza");
    assert_name(&command.choices[1], "sushi");
    assert_name(&command.choices[2], "tacos");
    ck_assert_uint_eq(command.settings.value[SETTING_BALLOTS], BALLOTS_ONCE);
    ck_assert_uint_eq(command.settings.value[SETTING_VOTERS], VOTERS_NAMED);
    ck_assert_uint_eq(command.settings.value[SETTING_REVEAL], REVEAL_CLOSED);
    ck_assert_uint_eq(command.settings.value[SETTING_RECORD], RECORD_NAME);
    ck_assert_uint_eq(command.settings.value[SETTING_STATE], STATE_CLOSED);
}
END_TEST

START_TEST(create_with_every_value)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        enum setting setting = (enum setting)i;
        if (i == SETTING_KIND || i == SETTING_METHOD || i == SETTING_EQUAL)
            continue; /* these hang together: test_settings */
        for (unsigned v = 0; setting_has_value(setting, v); v++) {
            char line[128];
            snprintf(line, sizeof line, "CREATE p a b %s=%s", setting_name(setting),
                     setting_value_name(setting, v));
            assert_parses(line, CMD_CREATE);
            ck_assert_uint_eq(command.settings.value[i], v);
        }
    }
}
END_TEST

START_TEST(create_refused)
{
    assert_refused("CREATE", "usage: CREATE poll choice choice...");
    assert_refused("CREATE lunch", "usage: CREATE");
    assert_refused("CREATE lunch pizza", "usage: CREATE");
    assert_refused("CREATE lunch pizza ballots=once", "usage: CREATE");
    assert_refused("CREATE ballots=once", "usage: CREATE");
    assert_refused("CREATE lunch pizza Pizza", "same name");
    assert_refused("CREATE lunch a b c d b", "same name");
    assert_refused("CREATE -lunch a b", "a name is 1 to 64");
    assert_refused("CREATE lunch a b,c", "a name is 1 to 64");
    assert_refused("CREATE lunch a " NAME_64 "5", "a name is 1 to 64");
    assert_refused("CREATE lunch a b ballot=once", "unknown setting");
    assert_refused("CREATE lunch a b =", "unknown setting");
    assert_refused("CREATE lunch a b ballots=", "ballots= is one of: changeable, once, unlimited");
    assert_refused("CREATE lunch a b ballots=twice", "ballots= is one of");
    assert_refused("CREATE lunch a b voters=all", "voters= is one of: connection, named, address");
    assert_refused("CREATE lunch a b reveal=open", "reveal= is one of: live, closed");
    assert_refused("CREATE lunch a b record=none", "record= is one of: pseudonym, name");
    assert_refused("CREATE lunch a b state=live", "state= is one of: open, closed");
    assert_refused("CREATE lunch a b state=open STATE=open", "twice");
}
END_TEST

/* `CREATE p` and so many choices of two hexadecimal digits. */
static char *create_line(unsigned choices)
{
    static char line[PROTO_LINE_MAX];
    size_t len = (size_t)snprintf(line, sizeof line, "CREATE p");
    for (unsigned i = 0; i < choices; i++)
        len += (size_t)snprintf(line + len, sizeof line - len, " %x", i);
    ck_assert_uint_lt(len, sizeof line);
    return line;
}

START_TEST(create_with_256_choices)
{
    assert_parses(create_line(256), CMD_CREATE);
    ck_assert_uint_eq(command.choice_count, 256);
    assert_name(&command.choices[255], "ff");
    assert_refused(create_line(257), "at most 256 choices");
}
END_TEST

START_TEST(title)
{
    assert_parses("TITLE Lunch  Where do we eat?\t", CMD_TITLE);
    assert_name(&command.poll, "lunch");
    assert_span(command.text, "Where do we eat?");
    assert_parses("title lunch a=b  c", CMD_TITLE);
    assert_span(command.text, "a=b  c");
    assert_refused("TITLE", "usage: TITLE poll TEXT");
    assert_refused("TITLE lunch", "usage: TITLE poll TEXT");
    assert_refused("TITLE lunch  \t", "usage: TITLE poll TEXT");
    assert_refused("TITLE =lunch Lunch", "a name is 1 to 64");
}
END_TEST

START_TEST(label)
{
    assert_parses("LABEL Lunch PIZZA  Pizza \xf0\x9f\x8d\x95 ", CMD_LABEL);
    assert_name(&command.poll, "lunch");
    assert_name(&command.choice, "pizza");
    assert_span(command.text, "Pizza \xf0\x9f\x8d\x95");
    assert_refused("LABEL", "usage: LABEL poll choice TEXT");
    assert_refused("LABEL lunch", "usage: LABEL poll choice TEXT");
    assert_refused("LABEL lunch pizza", "usage: LABEL poll choice TEXT");
    assert_refused("LABEL lunch pizza\t", "usage: LABEL poll choice TEXT");
    assert_refused("LABEL lunch pi,zza Pizza", "a name is 1 to 64");
}
END_TEST

/* The bound is in bytes, after the white space at the end is gone. */
START_TEST(captions_at_their_bound)
{
    char text[PROTO_TEXT_MAX + 2], line[300];
    memset(text, 'x', sizeof text);
    text[PROTO_TEXT_MAX] = '\0';
    snprintf(line, sizeof line, "TITLE lunch %s   ", text);
    assert_parses(line, CMD_TITLE);
    assert_span(command.text, text);
    snprintf(line, sizeof line, "LABEL lunch pizza %s", text);
    assert_parses(line, CMD_LABEL);
    assert_span(command.text, text);

    text[PROTO_TEXT_MAX] = 'x';
    text[PROTO_TEXT_MAX + 1] = '\0';
    snprintf(line, sizeof line, "TITLE lunch %s", text);
    assert_refused(line, "at most 200 bytes");
    snprintf(line, sizeof line, "LABEL lunch pizza %s", text);
    assert_refused(line, "at most 200 bytes");
}
END_TEST

START_TEST(kick)
{
    assert_parses("KICK 0", CMD_KICK);
    ck_assert_uint_eq(command.number, 0);
    assert_parses("KICK 18446744073709551615", CMD_KICK);
    ck_assert_uint_eq(command.number, UINT64_MAX);
    assert_refused("KICK", "usage: KICK id");
    assert_refused("KICK 1 2", "usage: KICK id");
    static const char *const addresses[] = {"127.0.0.1", "::1", "18446744073709551616"};
    for (size_t i = 0; i < COUNT_OF(addresses);
         i++) { /* whether they are some is not its business */
        char line[64];
        snprintf(line, sizeof line, "KICK %s ", addresses[i]);
        assert_parses(line, CMD_KICK);
        assert_span(command.text, addresses[i]);
    }
    assert_parses("KICK 7", CMD_KICK);
    ck_assert_ptr_null(command.text.at);
}
END_TEST

START_TEST(trace)
{
    assert_parses("trace  Vote lunch 2 as=ann id=7", CMD_TRACE);
    assert_name(&command.poll, "lunch");
    assert_name(&command.choice, "2");
    assert_span(command.voter, "ann");
    assert_span(command.key, "7");
    assert_parses("TRACE VOTE lunch pizza", CMD_TRACE);
    ck_assert_ptr_null(command.voter.at);
    assert_parses("TRACE VOTE lunch pizza>sushi", CMD_TRACE);
    assert_span(command.ballot, "pizza>sushi");
    assert_refused("TRACE", "usage: TRACE VOTE poll");
    assert_refused("TRACE VOTE", "usage: TRACE VOTE poll");
    assert_refused("TRACE VOTE lunch", "usage: TRACE VOTE poll");
    assert_refused("TRACE PING lunch pizza", "usage: TRACE VOTE poll");
    assert_refused("TRACE VOTED lunch pizza", "usage: TRACE VOTE poll");
    assert_refused("TRACE TRACE VOTE lunch pizza", "usage: TRACE VOTE poll");
    assert_refused("TRACE VOTE lunch pizza as=ann as=bob", "given twice");
}
END_TEST

START_TEST(journey)
{
    command.number = 7;
    assert_parses("JOURNEY", CMD_JOURNEY);
    ck_assert_uint_eq(command.number, 0);
    assert_parses("journey 18446744073709551615 ", CMD_JOURNEY);
    ck_assert_uint_eq(command.number, UINT64_MAX);
    assert_refused("JOURNEY lunch", "its sequence, a number");
    assert_refused("JOURNEY 18446744073709551616", "its sequence, a number");
    assert_refused("JOURNEY 1 2", "usage: JOURNEY [seq]");
}
END_TEST

START_TEST(backup)
{
    assert_parses("BACKUP  /var/a file.db \t", CMD_BACKUP);
    assert_span(command.text, "/var/a file.db");
    assert_parses("BACKUP - ", CMD_BACKUP);
    assert_span(command.text, "-");
    assert_refused("BACKUP -votes.db", "absolute path");
    assert_refused("BACKUP", "usage: BACKUP file");
    assert_refused("BACKUP  ", "usage: BACKUP file");
    assert_refused("BACKUP votes.db", "absolute path");
}
END_TEST

/* ---- Replies ---- */

static void assert_line(const char *out, size_t len, const char *expected)
{
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert_mem_eq(out, expected, len);
}

START_TEST(encoded_replies)
{
    char out[REPLY_MAX];
    assert_line(out, reply_greeting(out, 1024), "+TALLYCAST 1 max-line=1024\n");
    assert_line(out, reply_ok(out), "+OK\n");
    assert_line(out, reply_ok_text(out, "bye!", 3), "+OK bye\n");
    assert_line(out, reply_ok_text(out, NULL, 0), "+OK\n");
    assert_line(out, reply_ok_number(out, 0, false), "+OK 0\n");
    assert_line(out, reply_ok_number(out, 1042, true), "+OK 1042 duplicate\n");
    assert_line(out, reply_ok_number(out, UINT64_MAX, true),
                "+OK 18446744073709551615 duplicate\n");
}
END_TEST

START_TEST(encoded_errors)
{
    char out[REPLY_MAX], expected[REPLY_MAX];
    for (int i = 0; i < ERROR_COUNT; i++) {
        enum error error = (enum error)(-1 - i);
        const char *seq = error == ERR_ALREADY_VOTED ? " 18446744073709551615" : "";
        snprintf(expected, sizeof expected, "-%s%s %s\n", error_code(error), seq,
                 error_text(error));
        assert_line(out, reply_error(out, error, UINT64_MAX, NULL), expected);
        snprintf(expected, sizeof expected, "-%s%s why\n", error_code(error), seq);
        assert_line(out, reply_error(out, error, UINT64_MAX, "why"), expected);
    }
}
END_TEST

START_TEST(longest_replies)
{
    char out[REPLY_MAX], text[2 * PROTO_LINE_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ck_assert_uint_eq(reply_ok_text(out, text, PROTO_LINE_MAX), 5 + PROTO_LINE_MAX);
    for (int i = 0; i < ERROR_COUNT; i++) {
        size_t len = reply_error(out, (enum error)(-1 - i), UINT64_MAX, text);
        ck_assert_uint_le(len, REPLY_MAX);
        ck_assert_int_eq(out[len - 1], '\n');
    }
}
END_TEST

START_TEST(put_numbers)
{
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++, power *= 10) {
        uint64_t samples[] = {power - 1, power, power + 1, UINT64_MAX - power};
        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            char out[20], expected[32];
            size_t len = (size_t)(number_put(out, samples[i]) - out);
            snprintf(expected, sizeof expected, "%" PRIu64, samples[i]);
            assert_line(out, len, expected);
        }
    }
}
END_TEST

static struct reply take_apart(const char *line)
{
    struct reply reply;
    memset(&reply, 0xa5, sizeof reply);
    reply_parse(exact_copy(line, strlen(line)), strlen(line), &reply);
    return reply;
}

START_TEST(parsed_ok)
{
    struct reply reply = take_apart("+OK");
    ck_assert_int_eq(reply.kind, REPLY_OK);
    assert_span(reply.code, "OK");
    ck_assert_uint_eq(reply.text.len, 0);
    ck_assert(!reply.has_number && !reply.duplicate);

    reply = take_apart("+OK 1042");
    assert_span(reply.text, "1042");
    ck_assert(reply.has_number && !reply.duplicate);
    ck_assert_uint_eq(reply.number, 1042);

    reply = take_apart("+OK 18446744073709551615 duplicate");
    ck_assert(reply.has_number && reply.duplicate);
    ck_assert_uint_eq(reply.number, UINT64_MAX);

    reply = take_apart("+OK lunch open 7 1 pizza=1 sushi=0");
    assert_span(reply.text, "lunch open 7 1 pizza=1 sushi=0");
    ck_assert(!reply.has_number);

    reply = take_apart("+TALLYCAST 1 max-line=1024");
    ck_assert_int_eq(reply.kind, REPLY_OK);
    assert_span(reply.code, "TALLYCAST");
    assert_span(reply.text, "1 max-line=1024");
    ck_assert_uint_eq(reply.number, PROTO_VERSION);
}
END_TEST

START_TEST(parsed_numbers_are_whole_words)
{
    static const char *const lines[] = {
        "+OK 18446744073709551616", "+OK 12x", "+OK x 12", "+OK 012", "+OK  12", "+OK -1"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        ck_assert_msg(!take_apart(lines[i]).has_number, "%s", lines[i]);
    ck_assert(!take_apart("+OK 12 duplicated").duplicate);
    ck_assert(!take_apart("+OK 12 duplicate ").duplicate);
    ck_assert(!take_apart("+OK x duplicate").duplicate);
    ck_assert(!take_apart("=12 duplicate").duplicate);
}
END_TEST

START_TEST(parsed_errors)
{
    for (int i = 0; i < ERROR_COUNT; i++) {
        enum error error = (enum error)(-1 - i);
        char out[REPLY_MAX];
        struct reply reply;
        size_t len = reply_error(out, error, UINT64_MAX, NULL);
        reply_parse(out, len - 1, &reply);
        ck_assert_int_eq(reply.kind, REPLY_ERROR);
        assert_span(reply.code, error_code(error));
        if (error == ERR_ALREADY_VOTED) {
            ck_assert(reply.has_number);
            ck_assert_uint_eq(reply.number, UINT64_MAX);
        } else
            assert_span(reply.text, error_text(error));
    }
    struct reply bare = take_apart("-LIMIT");
    assert_span(bare.code, "LIMIT");
    ck_assert_uint_eq(bare.text.len, 0);
}
END_TEST

START_TEST(parsed_rows_and_pushes)
{
    struct reply reply = take_apart("=title Where do we eat?");
    ck_assert_int_eq(reply.kind, REPLY_ROW);
    assert_span(reply.text, "title Where do we eat?");
    reply = take_apart("=");
    ck_assert_int_eq(reply.kind, REPLY_ROW);
    ck_assert_uint_eq(reply.text.len, 0);
    reply = take_apart("> lunch open 1 0 a=0 b=0");
    ck_assert_int_eq(reply.kind, REPLY_PUSH);
    assert_span(reply.text, "lunch open 1 0 a=0 b=0");
}
END_TEST

START_TEST(parsed_lines_of_no_kind)
{
    static const char *const lines[] = {"", "OK", " +OK", "+", "+ OK", "-", "- x", ">lunch", "*"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct reply reply = take_apart(lines[i]);
        ck_assert_msg(reply.kind == REPLY_UNKNOWN, "%s", lines[i]);
        ck_assert(!reply.code.at && !reply.text.at && !reply.has_number && !reply.duplicate);
    }
}
END_TEST

/* ---- Tallies ---- */

static struct tally_row row;

static bool decodes(const char *text)
{
    memset(&row, 0xa5, sizeof row);
    return tally_parse(exact_copy(text, strlen(text)), strlen(text), &row);
}

static struct tally_view view_of_row(void)
{
    return (struct tally_view){row.poll.text, row.open,         row.hidden,  row.seq,
                               row.ballots,   row.choice_count, row.choices, row.counts};
}

START_TEST(encoded_tally)
{
    struct name choices[] = {{5, "pizza"}, {5, "sushi"}, {5, "tacos"}};
    uint64_t counts[] = {4, 3, 0};
    struct tally_view view = {"lunch", true, false, 1042, 7, 3, choices, counts};
    char out[1024];
    assert_line(out, tally_encode(out, "> ", &view),
                "> lunch open 1042 7 pizza=4 sushi=3 tacos=0\n");
    assert_line(out, tally_encode(out, "+OK ", &view),
                "+OK lunch open 1042 7 pizza=4 sushi=3 tacos=0\n");
    view.open = false;
    assert_line(out, tally_encode(out, "=", &view),
                "=lunch closed 1042 7 pizza=4 sushi=3 tacos=0\n");
    view.hidden = true;
    view.counts = NULL;
    assert_line(out, tally_encode(out, "", &view), "lunch closed 1042 7\n");
}
END_TEST

START_TEST(winners)
{
    static const uint8_t elected[] = {2, 0};
    static const struct name choices[] = {{1, "a"}, {1, "b"}, {3, "c-c"}};
    struct winners_view view = {
        .poll = "board", .seq = 1093, .count = 2, .winners = elected, .choices = choices};
    char out[256];
    ck_assert_uint_le(winners_line_max(2), sizeof out);
    assert_line(out, winners_encode(out, &view), "> @result board 1093 c-c a\n");
    view.count = 0;
    assert_line(out, winners_encode(out, &view), "> @result board 1093\n");
}
END_TEST

START_TEST(decoded_tally)
{
    ck_assert(decodes("lunch open 1042 7 pizza=4 sushi=3 tacos=0"));
    assert_name(&row.poll, "lunch");
    ck_assert(row.open && !row.hidden);
    ck_assert_uint_eq(row.seq, 1042);
    ck_assert_uint_eq(row.ballots, 7);
    ck_assert_uint_eq(row.choice_count, 3);
    assert_name(&row.choices[2], "tacos");
    ck_assert_uint_eq(row.counts[0], 4);
    ck_assert_uint_eq(row.counts[2], 0);

    ck_assert(decodes("lunch closed 9 0 a=0 b=0"));
    ck_assert(!row.open && !row.hidden);
    ck_assert(decodes("lunch open 9 12"));
    ck_assert(row.open && row.hidden);
    ck_assert_uint_eq(row.choice_count, 0);
}
END_TEST

START_TEST(tallies_round_trip)
{
    static const char *const tallies[] = {
        "lunch open 1 0 pizza=0 sushi=0",
        "0 closed 18446744073709551615 18446744073709551615 1=18446744073709551615 2=0",
        "a open 10 5",
        NAME_64 " closed 2 1 " NAME_64 "=1 x=0",
    };
    for (size_t i = 0; i < COUNT_OF(tallies); i++) {
        char out[1024];
        ck_assert_msg(decodes(tallies[i]), "%s", tallies[i]);
        struct tally_view view = view_of_row();
        size_t len = tally_encode(out, "", &view);
        ck_assert_uint_eq(len, strlen(tallies[i]) + 1);
        ck_assert_mem_eq(out, tallies[i], len - 1);
    }
}
END_TEST

START_TEST(malformed_tallies)
{
    static const char *const tallies[] = {
        "",
        " ",
        "lunch",
        "lunch open",
        "lunch open 1",
        "lunch open 1 ",
        "lunch open 1 1 ",
        "lunch open 1 1 a=1",
        "lunch open 1 1 a=1 b=0 ",
        "lunch open 1 1  a=1 b=0",
        " lunch open 1 1 a=1 b=0",
        "lunch  open 1 1 a=1 b=0",
        "lunch ajar 1 1 a=1 b=0",
        "lunch Open 1 1 a=1 b=0",
        "Lunch open 1 1 a=1 b=0",
        "-lunch open 1 1 a=1 b=0",
        "lunch open x 1 a=1 b=0",
        "lunch open 1 -1 a=1 b=0",
        "lunch open 01 1 a=1 b=0",
        "lunch open 1 1 a=01 b=0",
        "lunch open 18446744073709551616 1 a=1 b=0",
        "lunch open 1 1 a=1 b=18446744073709551616",
        "lunch open 1 1 a b=0",
        "lunch open 1 1 a= b=0",
        "lunch open 1 1 =1 b=0",
        "lunch open 1 1 A=1 b=0",
        "lunch open 1 1 a=1=1 b=0",
        "lunch\topen 1 1 a=1 b=0",
        NAME_64 "5 open 1 1 a=1 b=0",
    };
    for (size_t i = 0; i < COUNT_OF(tallies); i++)
        ck_assert_msg(!decodes(tallies[i]), "'%s'", tallies[i]);
}
END_TEST

/* The largest tally fills what tally_line_max() says to the byte. */
START_TEST(largest_tally)
{
    static struct name choices[PROTO_CHOICES_MAX];
    static uint64_t counts[PROTO_CHOICES_MAX];
    for (unsigned i = 0; i < PROTO_CHOICES_MAX; i++) {
        snprintf(choices[i].text, sizeof choices[i].text, "%.61s%03u", NAME_64, i);
        choices[i].len = PROTO_NAME_MAX;
        counts[i] = UINT64_MAX;
    }
    struct tally_view view = {NAME_64,           false,   false, UINT64_MAX, UINT64_MAX,
                              PROTO_CHOICES_MAX, choices, counts};
    size_t room = tally_line_max(PROTO_CHOICES_MAX);
    char *out = malloc(room);
    ck_assert_ptr_nonnull(out);
    size_t len = tally_encode(out, "12345678", &view);
    ck_assert_uint_eq(len, room);
    ck_assert(tally_parse(out + 8, len - 9, &row));
    ck_assert_uint_eq(row.choice_count, PROTO_CHOICES_MAX);
    for (unsigned i = 0; i < PROTO_CHOICES_MAX; i++) {
        assert_name(&row.choices[i], choices[i].text);
        ck_assert_uint_eq(row.counts[i], UINT64_MAX);
    }
    free(out);
}
END_TEST

START_TEST(tally_of_257_choices)
{
    static char text[4096];
    size_t len = (size_t)snprintf(text, sizeof text, "p open 1 0");
    for (unsigned i = 0; i < PROTO_CHOICES_MAX + 1; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " %x=0", i);
    ck_assert(!decodes(text));
    text[len - strlen(" 100=0")] = '\0';
    ck_assert(decodes(text));
    ck_assert_uint_eq(row.choice_count, PROTO_CHOICES_MAX);
}
END_TEST

/* ---- Running ---- */

struct group {
    const char *name;
    const TTest *tests[24]; /* NULL after the last */
};

/* Only our own mistake can ask for these; each must abort, and none be read from beyond a table. */
START_TEST(what_is_in_no_list_aborts)
{
    char out[16];
    coverage_of_aborts();
    switch (_i) {
    case 0:
        ck_assert_str_eq(error_code(0), "");
        break;
    case 1:
        ck_assert_str_eq(error_text((enum error)(-1 - ERROR_COUNT)), "");
        break;
    case 2:
        ck_assert(error_blames_client((enum error)1));
        break;
    case 3:
        ck_assert_str_eq(setting_value_name(SETTING_REVEAL, REVEAL_CLOSED + 1), "");
        break;
    case 4:
        ck_assert_str_eq(setting_value_name(SETTING_BALLOTS, BALLOTS_UNLIMITED + 1), "");
        break;
    case 5:
        ck_assert_uint_eq(reply_ok_text(out, "", PROTO_ADMIN_LINE_MAX + 1), 0);
        break;
    case 6:
        ck_assert_int_eq(error_status(0), 0);
        break;
    case 7:
        ck_assert_str_eq(error_detail((enum error)(-1 - ERROR_COUNT)), "");
        break;
    }
}
END_TEST

int main(void)
{

    int status = UNIT_RUN(
        "codec", /* every code point takes its time on a busy machine */
        {"lines", .timeout_s = 60,
         .tests = {{every_single_byte},
                   {every_byte_at_every_place},
                   {every_code_point},
                   {malformed_utf8},
                   {good_utf8},
                   {empty_lines},
                   {foreign_lines},
                   {control_characters},
                   {telnet_commands},
                   {lines_that_are_not_foreign}}},
        {"words", .timeout_s = 60,
         .tests = {{names}, {name_bytes}, {voters}, {numbers}, {spans_are_compared_whole}}},
        {"lists", .timeout_s = 60,
         .tests = {{errors},
                   {errors_that_count},
                   {errors_have_a_status},
                   {setting_words},
                   {setting_words_that_are_not},
                   {command_list}}},
        {"commands", .timeout_s = 60,
         .tests = {{vote},
                   {vote_with_more_than_a_name},
                   {vote_options},
                   {vote_refused},
                   {as},
                   {commands_of_one_poll},
                   {commands_without_arguments},
                   {subscribe},
                   {subscribe_refused},
                   {unsubscribe},
                   {ping},
                   {ping_of_a_whole_line},
                   {help},
                   {unknown_commands},
                   {id_is_known_though_arguments_are_bad},
                   {only_what_a_vote_uses_is_written}}},
        {"administration", .timeout_s = 60,
         .tests = {{create},
                   {create_with_settings_anywhere},
                   {create_with_every_value},
                   {create_refused},
                   {create_with_256_choices},
                   {title},
                   {label},
                   {captions_at_their_bound},
                   {kick},
                   {trace},
                   {journey},
                   {backup}}},
        {"replies", .timeout_s = 60,
         .tests = {{encoded_replies},
                   {encoded_errors},
                   {longest_replies},
                   {put_numbers},
                   {parsed_ok},
                   {parsed_numbers_are_whole_words},
                   {parsed_errors},
                   {parsed_rows_and_pushes},
                   {parsed_lines_of_no_kind}}},
        {"tallies", .timeout_s = 60,
         .tests = {{encoded_tally},
                   {winners},
                   {decoded_tally},
                   {tallies_round_trip},
                   {malformed_tallies},
                   {largest_tally},
                   {tally_of_257_choices}}},
        {"invariants", .tests = {{what_is_in_no_list_aborts, .loops = 8, .signal = SIGABRT}}});
    free(block);
    return status;
}
