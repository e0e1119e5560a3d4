/* tallyctl, the administrator's client of tallycast: main, the options and the table of commands.
 * It takes the command line apart; the command then does its work in command_NAME and returns how
 * it ended. */
#include "tools/tallyctl/tallyctl.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/spelling.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"
#include "proto/number.h"
#include "proto/settings.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The places to look for the admin socket unless one is named: beside the database in the current
 * directory, and where the systemd unit puts it. */
#define BESIDE_DATABASE "tallycast.db.sock"
#define OF_THE_UNIT     "/run/tallycast/admin.sock"

enum { PATIENCE_S = 10 };

/* The options that a command takes beside those that may stand anywhere. */
enum command_option {
    OPTION_COUNT = 1 << 0,
    OPTION_DURATION = 1 << 1, /* --timeout is how long it runs */
    OPTION_WATCH = 1 << 2,
    OPTION_FORMAT = 1 << 3,
    OPTION_CSV = 1 << 4,
    OPTION_VOTER = 1 << 5,
    OPTION_KEY = 1 << 6,
    OPTION_TITLE = 1 << 7,
    OPTION_ALL = 1 << 8,
    OPTION_YES = 1 << 9,
    OPTION_SLOW = 1 << 10, /* the server may take long to answer */
    OPTIONS_BEFORE =
        1 << 11, /* the arguments after the first are text, even if one begins with a dash */
    OPTION_SETTINGS = 1 << 12, /* no option: its help lists the settings of a poll */
    OPTION_COUNTING = 1 << 13, /* how ballots are counted */
    OPTION_PAIRS = 1 << 14,
    OPTION_BALLOTS = 1 << 15, /* which ballots, and BLT as another format */
};

enum { MANY = 1 << 20 };

static const struct tallyctl_command {
    const char *name;
    const char *usage;
    int least;
    int most;
    unsigned options;
    const char *meaning;
    enum status (*run)(const struct invocation *invocation);
} commands[] = {
#define COMMAND(name, usage, least, most, options, meaning) \
    {#name, usage, least, most, options, meaning, command_##name},
#include "tools/tallyctl/commands.def"
#undef COMMAND
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const struct option_info {
    const char *name;
    const char *argument; /* NULL if it has none */
    char letter;          /* returned by getopt_long */
    bool is_short;        /* the letter may be typed, too */
    unsigned scope;       /* its command_option, or 0 if it may stand anywhere */
    const char *meaning;
} options[] = {
    {"admin", "PATH", 'a', false, 0,
     "the admin socket; default: $TALLYCAST_ADMIN, else " BESIDE_DATABASE ", else " OF_THE_UNIT},
    {"json", NULL, 'j', false, 0, "print JSON, one object a line"},
    {"timeout", "S", 't', false, 0,
     "give up when the server does not answer for S seconds (10); watch: end after S"},
    {"help", NULL, 'h', true, 0, "print this"},
    {"version", NULL, 'V', true, 0, "print the version"},
    {"watch", NULL, 'w', false, OPTION_WATCH, "again each second, with rates; --timeout: for S"},
    {"count", "N", 'c', false, OPTION_COUNT, "end after N changes, or N more samples"},
    {"all", NULL, 'A', false, OPTION_ALL, "every counter, by its name"},
    {"format", "csv|json", 'f', false, OPTION_FORMAT, "default: csv"},
    {"format", "csv|json|blt", 'F', false, OPTION_BALLOTS, "default: csv; blt is for ranked polls"},
    {"counted", NULL, 'C', false, OPTION_BALLOTS,
     "the ballots that count, in no order of time; the default with record=pseudonym"},
    {"ledger", NULL, 'L', false, OPTION_BALLOTS,
     "all ballots as recorded, with voters and times; the default with record=name"},
    {"raw", NULL, 'r', false, OPTION_CSV,
     "CSV: cells as they are, though they begin as formulas do"},
    {"bom", NULL, 'b', false, OPTION_CSV, "CSV: begin with a byte order mark, for Excel"},
    {"title", "TEXT", 'T', false, OPTION_TITLE, "what people read as the poll's title"},
    {"voter", "VOTER", 'o', false, OPTION_VOTER, "who votes, in polls with voters=named"},
    {"id", "KEY", 'i', false, OPTION_KEY, "what tells a repeat from another ballot"},
    {"method", "M", 'm', false, OPTION_COUNTING,
     "plurality, approval, score, star, schulze, irv or stv"},
    {"seats", "N", 's', false, OPTION_COUNTING,
     "how many are elected; default: as the file says, or 1"},
    {"scores", "N", 'S', false, OPTION_COUNTING,
     "the highest score; default: as the file says, or 5"},
    {"lot", "c>a>b", 'l', false, OPTION_COUNTING,
     "the order that decides last; default: as the file says, or as the choices stand"},
    {"pairs", NULL, 'p', false, OPTION_PAIRS,
     "also each pair of choices, and the paths of schulze"},
    {"yes", NULL, 'y', false, OPTION_YES, "do not ask whether to cast a real ballot"},
};
enum { OPTION_INFO_COUNT = sizeof(options) / sizeof(options[0]) };

/* The wishes of options that don't go into the invocation. */
struct wishes {
    bool help;
    bool version;
    bool timeout;
    uint64_t timeout_ns;
};

/* ---- --help ---- */

static void print_option(const struct option_info *option)
{
    char left[32], letter[] = {'-', option->letter, ',', ' ', '\0'};
    snprintf(left, sizeof(left), "%s--%s%s%s", option->is_short ? letter : "", option->name,
             option->argument ? " " : "", option->argument ? option->argument : "");
    printf("  %-18s  %s\n", left, option->meaning);
}

static void print_help(void)
{
    puts("usage: tallyctl [--admin PATH] [--json] [--timeout S] COMMAND ...\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-18s  %s\n", commands[i].name, commands[i].meaning);
    puts("\noptions:");
    for (size_t i = 0; i < OPTION_INFO_COUNT; i++)
        if (options[i].scope == 0)
            print_option(&options[i]);
    puts("\ntallyctl COMMAND --help tells a command's arguments.\n"
         "Exit status: 0 done, 1 refused or a difference found, 2 usage, 3 no connection.");
}

static void print_settings(void)
{
    puts("\nSettings, of words the default first:");
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        printf("  %s\n", setting_help(i));
    puts("  lot=drawn|listed|c>a>b  the order that decides ties at last");
}

static void print_command_help(const struct tallyctl_command *command)
{
    printf("usage: tallyctl [--admin PATH] [--json] %s%s%s\n\n%s\n", command->name,
           *command->usage ? " " : "", command->usage, command->meaning);
    for (size_t i = 0; i < OPTION_INFO_COUNT; i++)
        if (command->options & options[i].scope)
            print_option(&options[i]);
    if (command->options & OPTION_SETTINGS)
        print_settings();
}

static enum status misused(const struct tallyctl_command *command)
{
    output_error("usage: tallyctl %s%s%s", command->name, *command->usage ? " " : "",
                 command->usage);
    return STATUS_USAGE;
}

/* ---- Options ---- */

static enum status set_count(struct invocation *invocation, const char *text)
{
    if (number_parse(text, strlen(text), UINT64_MAX, &invocation->count) && invocation->count > 0)
        return STATUS_DONE;
    output_error("--count: '%s' is no number of changes", text);
    return STATUS_USAGE;
}

static enum status set_timeout(struct wishes *wishes, const char *text)
{
    const double longest_s = 1e9;
    char *end;
    double timeout_s = strtod(text, &end);
    if (end == text || *end || !(timeout_s >= 0 && timeout_s <= longest_s)) {
        output_error("--timeout: '%s' is no time in seconds", text);
        return STATUS_USAGE;
    }
    wishes->timeout = true;
    wishes->timeout_ns = (uint64_t)(timeout_s * NS_PER_S);
    return STATUS_DONE;
}

/* Applies --timeout, whose meaning depends on the command. */
static void apply_timeout(const struct tallyctl_command *command, const struct wishes *wishes,
                          struct invocation *invocation)
{
    if (command->options & OPTION_SLOW)
        invocation->patience_ns = UINT64_MAX;
    if (!wishes->timeout)
        return;
    if ((command->options & OPTION_DURATION) || invocation->watch)
        invocation->deadline_ns = clock_monotonic_ns() + wishes->timeout_ns;
    else
        invocation->connect_ns = invocation->patience_ns = wishes->timeout_ns;
}

static enum status set_format(struct invocation *invocation, const char *text, bool has_blt)
{
    static const char *const words[] = {
        [EXPORT_CSV] = "csv", [EXPORT_JSON] = "json", [EXPORT_BLT] = "blt"};
    for (int i = EXPORT_CSV; i <= (has_blt ? EXPORT_BLT : EXPORT_JSON); i++)
        if (strcmp(text, words[i]) == 0) {
            invocation->format = (enum export_format)i;
            return STATUS_DONE;
        }
    output_error(has_blt ? "--format: '%s' is none of csv, json and blt"
                         : "--format: '%s' is neither csv nor json",
                 text);
    return STATUS_USAGE;
}

static enum status set_flag(bool *flag)
{
    *flag = true;
    return STATUS_DONE;
}

static enum status set_text(const char **text, const char *value)
{
    *text = value;
    return STATUS_DONE;
}

static enum status apply_option(int letter, struct invocation *invocation, struct wishes *wishes)
{
    switch (letter) {
    case 'a':
        return set_text(&invocation->admin, optarg);
    case 'j':
        return set_flag(&invocation->json);
    case 'h':
        return set_flag(&wishes->help);
    case 'V':
        return set_flag(&wishes->version);
    case 'w':
        return set_flag(&invocation->watch);
    case 'A':
        return set_flag(&invocation->all);
    case 'r':
        return set_flag(&invocation->raw);
    case 'b':
        return set_flag(&invocation->bom);
    case 'y':
        return set_flag(&invocation->yes);
    case 'p':
        return set_flag(&invocation->pairs);
    case 'T':
        return set_text(&invocation->title, optarg);
    case 'o':
        return set_text(&invocation->voter, optarg);
    case 'i':
        return set_text(&invocation->key, optarg);
    case 'm':
        return set_text(&invocation->method, optarg);
    case 's':
        return set_text(&invocation->seats, optarg);
    case 'S':
        return set_text(&invocation->scores, optarg);
    case 'l':
        return set_text(&invocation->lot, optarg);
    case 'c':
        return set_count(invocation, optarg);
    case 't':
        return set_timeout(wishes, optarg);
    case 'C':
        return set_flag(&invocation->counted);
    case 'L':
        return set_flag(&invocation->ledger);
    default:
        return set_format(invocation, optarg, letter == 'F');
    }
}

/* getopt_long's list of the options that may stand here. */
static void list_options(unsigned scope, struct option list[OPTION_INFO_COUNT + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < OPTION_INFO_COUNT; i++)
        if (options[i].scope == 0 || (options[i].scope & scope))
            list[count++] = (struct option){options[i].name,
                                            options[i].argument ? required_argument : no_argument,
                                            NULL, options[i].letter};
    list[count] = (struct option){0};
}

/* Takes the options off argv (argv[0] is skipped) and sets *first to the first argument. With
 * `mixed`, options may stand between the arguments, which are moved behind them; otherwise options
 * end at the first argument. */
static enum status take_options(int argc, char **argv, unsigned scope, bool mixed,
                                struct invocation *invocation, struct wishes *wishes, int *first)
{
    struct option list[OPTION_INFO_COUNT + 1];
    int letter;
    list_options(scope, list);
    optind = 0; /* starts over, in glibc and musl */
    opterr = 0;
    while ((letter = getopt_long(argc, argv, mixed ? ":hV" : "+:hV", list, NULL)) != -1) {
        if (letter == '?' || letter == ':') {
            output_error(letter == ':' ? "%s needs an argument"
                                       : "%s: there is no such option here; --help lists them",
                         argv[optind - 1]);
            return STATUS_USAGE;
        }
        enum status status = apply_option(letter, invocation, wishes);
        if (status != STATUS_DONE)
            return status;
    }
    *first = optind;
    return STATUS_DONE;
}

/* ---- Commands ---- */

static const struct tallyctl_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* The command that was probably meant; NULL if none is near enough. */
static const char *guess_command(const char *name)
{
    const char *guess = NULL;
    unsigned least = SPELLING_UNLIKE;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        unsigned distance = spelling_distance(name, strlen(name), commands[i].name);
        if (distance < least) {
            least = distance;
            guess = commands[i].name;
        }
    }
    return guess;
}

static enum status refuse_command(const char *name)
{
    const char *guess = guess_command(name);
    if (guess)
        output_error("%s: there is no such command: is '%s' meant?", name, guess);
    else
        output_error("%s: there is no such command; tallyctl --help lists them", name);
    return STATUS_USAGE;
}

/* argv[0] is the command's name. */
static enum status run_command(int argc, char **argv, struct invocation *invocation,
                               struct wishes *wishes)
{
    int first;
    const struct tallyctl_command *command = find_command(argv[0]);
    if (!command)
        return refuse_command(argv[0]);
    bool mixed = !(command->options & OPTIONS_BEFORE);
    enum status status =
        take_options(argc, argv, command->options, mixed, invocation, wishes, &first);
    if (status != STATUS_DONE)
        return status;
    if (wishes->help) {
        print_command_help(command);
        return STATUS_DONE;
    }
    apply_timeout(command, wishes, invocation);
    invocation->command = command->name;
    invocation->usage = command->usage;
    invocation->argc = argc - first;
    invocation->argv = argv + first;
    if (invocation->argc < command->least || invocation->argc > command->most)
        return misused(command);
    return command->run(invocation);
}

/* A missing socket is no error here: if neither exists, this returns the first. */
static const char *default_admin(void)
{
    const char *named = getenv("TALLYCAST_ADMIN");
    if (named && *named)
        return named;
    return access(BESIDE_DATABASE, F_OK) != 0 && access(OF_THE_UNIT, F_OK) == 0 ? OF_THE_UNIT
                                                                                : BESIDE_DATABASE;
}

static enum status run(int argc, char **argv)
{
    struct invocation invocation = {.admin = default_admin(),
                                    .connect_ns = (uint64_t)PATIENCE_S * NS_PER_S,
                                    .patience_ns = (uint64_t)PATIENCE_S * NS_PER_S,
                                    .deadline_ns = UINT64_MAX};
    struct wishes wishes = {0};
    int first;
    enum status status = take_options(argc, argv, 0, false, &invocation, &wishes, &first);
    if (status != STATUS_DONE)
        return status;
    if (wishes.version) {
        puts("tallyctl " PACKAGE_VERSION);
        return STATUS_DONE;
    }
    if (first < argc)
        return run_command(argc - first, argv + first, &invocation, &wishes);
    if (wishes.help) {
        print_help();
        return STATUS_DONE;
    }
    output_error("a command is missing; tallyctl --help lists them");
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    file_fill_standard(O_PATH); /* output that is lost is an error */
    output_init();
    enum status status = run(argc, argv);
    enum status flushed = output_flush();
    if (status == STATUS_DONE)
        status = flushed;
    interrupt_release();
    /* Still here after a signal: it was one that doesn't end processes. */
    return status == STATUS_INTERRUPTED ? STATUS_REFUSED : (int)status;
}
