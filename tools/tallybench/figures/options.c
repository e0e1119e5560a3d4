/* The options of tallybench (see options.h). Nothing is allocated. */
#include "tools/tallybench/figures/options.h"

#include "proto/number.h"
#include "proto/command.h"

#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN    OPTIONS_RUN
#define LIMITS OPTIONS_LIMITS
#define NAIVE  OPTIONS_NAIVE
#define SUITE  OPTIONS_SUITE

enum kind { KIND_NUMBER, KIND_SECONDS, KIND_TEXT, KIND_OTHER };

static bool set_identity(struct options *options, const char *text);
static bool set_kind(struct options *options, const char *text);
static bool set_method(struct options *options, const char *text);
static bool set_slow(struct options *options, const char *text);
static bool set_compare(struct options *options, const char *text);

static const struct row {
    unsigned commands;
    enum kind kind;
    const char *name;
    const char *value;
    const char *help;
    size_t member; /* offset in struct options */
    uint64_t least, most;
    uint64_t normal;
    bool (*set)(struct options *options, const char *text);
} rows[] = {
#define NUMBER(commands, member, name, value, least, most, normal, help)           \
    {commands, KIND_NUMBER, name,   value, help, offsetof(struct options, member), \
     least,    most,        normal, NULL},
#define SECONDS(commands, member, name, normal, help) \
    {commands, KIND_SECONDS, name, "S", help, offsetof(struct options, member), 0, 0, normal, NULL},
#define TEXT(commands, member, name, value, help) \
    {commands, KIND_TEXT, name, value, help, offsetof(struct options, member), 0, 0, 0, NULL},
#define OPTION(commands, identifier, name, value, help) \
    {commands, KIND_OTHER, name, value, help, 0, 0, 0, 0, set_##identifier},
#include "tools/tallybench/figures/options.def"
#undef NUMBER
#undef SECONDS
#undef TEXT
#undef OPTION
};
enum {
    ROW_COUNT = sizeof rows / sizeof rows[0],
    HELP_LETTER = 1000,
    HELP_INDENT = 33, /* of the texts */
    HELP_WIDTH = 100,
};

static const double longest_s = 1e6;

/* ---- values ---- */

static bool parse_positive(const char *text, size_t len, uint64_t *number)
{
    return number_parse(text, len, 1000000000, number) && *number > 0;
}

static bool set_identity(struct options *options, const char *text)
{
    static const char named[] = "named:";
    options->named = 0;
    if (strcmp(text, "connection") == 0)
        return true;
    return strncmp(text, named, strlen(named)) == 0 &&
           parse_positive(text + strlen(named), strlen(text + strlen(named)), &options->named);
}

/* Each kind once. */
static bool set_kind(struct options *options, const char *text)
{
    struct span rest = {text, strlen(text)};
    unsigned seen = 0;
    options->kind_count = 0;
    do {
        struct span word = span_cut(&rest, ',');
        int kind = setting_value_find(SETTING_KIND, word.at, word.len);
        if (kind < 0 || seen & 1u << kind)
            return false;
        seen |= 1u << kind;
        options->kinds[options->kind_count++] = (unsigned)kind;
    } while (rest.len > 0);
    return true;
}

static bool set_method(struct options *options, const char *text)
{
    options->method = setting_value_find(SETTING_METHOD, text, strlen(text));
    return options->method >= 0;
}

static bool set_slow(struct options *options, const char *text)
{
    const char *colon = strchr(text, ':');
    return colon && number_parse(text, (size_t)(colon - text), 1000000, &options->slow) &&
           parse_positive(colon + 1, strlen(colon + 1), &options->slow_bytes_per_s);
}

static bool set_compare(struct options *options, const char *text)
{
    options->compare_naive = strcmp(text, "naive") == 0;
    return options->compare_naive;
}

static bool set_seconds(double *seconds, const char *text)
{
    char *end;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && *seconds >= 0 && *seconds <= longest_s;
}

static bool set_number(const struct row *row, uint64_t *number, const char *text)
{
    return number_parse(text, strlen(text), row->most, number) && *number >= row->least;
}

static bool set_row(const struct row *row, struct options *options, char *text)
{
    void *member = (char *)options + row->member;
    switch (row->kind) {
    case KIND_NUMBER:
        return set_number(row, member, text);
    case KIND_SECONDS:
        return set_seconds(member, text);
    case KIND_TEXT:
        *(const char **)member = text;
        return *text != '\0';
    case KIND_OTHER:
        break;
    }
    return row->set(options, text);
}

void options_init(struct options *options)
{
    static char *no_arguments[] = {NULL};
    const char *temporary = getenv("TMPDIR");
    *options = (struct options){.target = "127.0.0.1:9000",
                                .listen = "127.0.0.1:0",
                                .kinds = {KIND_SINGLE},
                                .kind_count = 1,
                                .method = -1,
                                .directory = temporary && *temporary ? temporary : "/tmp",
                                .server_arguments = no_arguments};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        void *member = (char *)options + rows[i].member;
        if (rows[i].kind == KIND_NUMBER)
            *(uint64_t *)member = rows[i].normal;
        else if (rows[i].kind == KIND_SECONDS)
            *(double *)member = (double)rows[i].normal;
    }
}

/* ---- the command line ---- */

static void list_options(unsigned command, struct option list[ROW_COUNT + 2])
{
    size_t count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].commands & command)
            list[count++] = (struct option){rows[i].name, required_argument, NULL, (int)i};
    list[count++] = (struct option){"help", no_argument, NULL, HELP_LETTER};
    list[count] = (struct option){0};
}

static bool has_marks(const struct options *options)
{
    return options->kind_count > 1 || options->kinds[0] != KIND_SINGLE;
}

static bool counts_some(const struct options *options)
{
    for (unsigned i = 0; i < options->kind_count; i++)
        if (options->kinds[i] == method_kind((unsigned)options->method))
            return true;
    return false;
}

/* Checks options of what ballots say. Returns what is wrong, or NULL. */
static const char *judge_kinds(const struct options *options)
{
    if (options->method >= 0 && !counts_some(options))
        return "--method: no poll has ballots that it counts; --kind tells which there are";
    if (options->polls < options->kind_count)
        return "--kind: there are fewer --polls than kinds";
    if (has_marks(options) && options->serve && strcmp(options->serve, "naive") == 0)
        return "--kind: the naive server knows ballots of one choice alone";
    return NULL;
}

/* Checks options against each other. Returns what is wrong, or NULL. */
static const char *judge(const struct options *options, unsigned command)
{
    if (command == OPTIONS_RUN && !options->serve && !options->admin)
        return "needs --serve, or --admin to create its polls with";
    if (command == OPTIONS_SUITE && !options->serve)
        return "needs --serve";
    if (options_need_http(options) && options->serve && strcmp(options->serve, "naive") == 0)
        return "--serve: the naive server speaks no HTTP";
    if (options_need_http(options) && !options->serve && !options->http)
        return "--sse, --stalled-sse and --http-voters need --http, or --serve";
    if (options->named > 0 && options->named < options_voters(options))
        return "--identity: there must be a name for each connection that votes at least";
    if (options->duration_s == 0 && options->ballots == 0)
        return "--duration: in no time nothing can be measured";
    if (options->ballots > 0 && options_voters(options) == 0)
        return "--ballots: there are no voters";
    if (options->results > options->subscribers)
        return "--results: there are fewer --subscribers";
    return judge_kinds(options);
}

/* Describes the values that an option takes. */
static void describe(const struct row *row, const char *text, char error[OPTIONS_ERROR_MAX])
{
    int len = snprintf(error, OPTIONS_ERROR_MAX, "--%s: '%.80s' is not ", row->name, text);
    size_t room = OPTIONS_ERROR_MAX - (size_t)len;
    if (row->kind == KIND_NUMBER)
        snprintf(error + len, room, "a number from %" PRIu64 " to %" PRIu64, row->least, row->most);
    else if (row->kind == KIND_SECONDS)
        snprintf(error + len, room, "a time in seconds up to %.0f", longest_s);
    else
        snprintf(error + len, room, "%s", row->value);
}

enum options_outcome options_parse(struct options *options, enum options_command command, int argc,
                                   char **argv, char error[OPTIONS_ERROR_MAX])
{
    struct option list[ROW_COUNT + 2];
    list_options(command, list);
    optind = 0; /* starts over, in glibc and musl */
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, "+:h", list, NULL)) != -1) {
        if (letter == HELP_LETTER || letter == 'h')
            return OPTIONS_HELP;
        if (letter == '?' || letter == ':') {
            snprintf(error, OPTIONS_ERROR_MAX, "%s: %s", argv[optind - 1],
                     letter == ':' ? "needs a value" : "there is no such option here");
            return OPTIONS_WRONG;
        }
        if (!set_row(&rows[letter], options, optarg)) {
            describe(&rows[letter], optarg, error);
            return OPTIONS_WRONG;
        }
    }
    options->server_arguments = argv + optind;
    if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
        snprintf(error, OPTIONS_ERROR_MAX, "%s: not an option", argv[optind]);
        return OPTIONS_WRONG;
    }
    const char *wrong = judge(options, command);
    if (wrong)
        snprintf(error, OPTIONS_ERROR_MAX, "%s", wrong);
    return wrong ? OPTIONS_WRONG : OPTIONS_GO;
}

/* Prints words in the column beside the options' names. */
static void print_wrapped(const char *text)
{
    size_t column = HELP_INDENT;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column + 1 + len > HELP_WIDTH) {
            printf("\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        }
        printf(column > HELP_INDENT ? " %.*s" : "%.*s", (int)len, text);
        column += len + (column > HELP_INDENT);
        text += len + strspn(text + len, " ");
    }
    putchar('\n');
}

void options_print(enum options_command command)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!(rows[i].commands & command))
            continue;
        char left[HELP_INDENT], help[512];
        size_t len = (size_t)snprintf(help, sizeof help, "%s", rows[i].help);
        if (rows[i].kind == KIND_NUMBER || rows[i].kind == KIND_SECONDS)
            snprintf(help + len, sizeof help - len, " (default: %" PRIu64 ")", rows[i].normal);
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].value);
        printf("  %-*s", HELP_INDENT - 2, left);
        print_wrapped(help);
    }
}

uint64_t options_voters(const struct options *options)
{
    return options->voters + options->http_voters;
}

bool options_need_http(const struct options *options)
{
    return options->sse + options->stalled_sse + options->http_voters > 0;
}

uint64_t options_connections(const struct options *options)
{
    return options_voters(options) + options->subscribers + options->stalled + options->slow +
           options->sse + options->stalled_sse + options->idle;
}
