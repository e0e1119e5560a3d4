/* tallybench, the load test of tallycast: main and the table of subcommands. Each has its options
 * parsed by options.c and does its work in a file of its own.
 *
 * Exit status: 0 if all checks hold; 1 if not, or if it could not run; 2 if the command line is
 * wrong. */
#include "tools/tallybench/run/interrupt.h"
#include "tools/tallybench/run/limits.h"
#include "tools/tallybench/run/naive.h"
#include "tools/tallybench/figures/options.h"
#include "tools/tallybench/figures/report.h"
#include "tools/tallybench/run/run.h"
#include "tools/tallybench/run/suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_GOOD = 0, STATUS_BAD = 1 };

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "tallybench: %s: %s\n", what, why);
    return STATUS_BAD;
}

/* ---- run ---- */

static int write_results(const struct options *options, const struct result *result)
{
    int status = STATUS_GOOD;
    if (options->json) {
        json_t *json = result_json(result);
        if (result_write_json(json, options->json) != 0)
            status = complain(options->json, strerror(errno));
        json_decref(json);
    }
    if (options->report && report_write_run(result, options->report) != 0)
        status = complain(options->report, strerror(errno));
    return status;
}

static int command_run(const struct options *options)
{
    struct result result;
    interrupt_catch();
    bool naive = options->serve && strcmp(options->serve, "naive") == 0;
    run_load(options, options->serve != NULL, naive ? RUN_NAIVE : options->serve, "run", &result);
    result_print(&result, stdout);
    int status = write_results(options, &result);
    if (!result_good(&result))
        status = STATUS_BAD;
    result_free(&result);
    return status;
}

/* ---- the commands ---- */

static const struct command_row {
    const char *name;
    enum options_command command;
    int (*run)(const struct options *options);
    const char *meaning;
} commands[] = {
    {"run", OPTIONS_RUN, command_run, "put a load on a server, check what it answers, and measure"},
    {"suite", OPTIONS_SUITE, suite_run, "run the scenarios that tallycast is judged by"},
    {"limits", OPTIONS_LIMITS, limits_run, "measure what this machine can do at most"},
    {"naive", OPTIONS_NAIVE, naive_run, "be a server of the usual wrong kind, to compare with"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    puts("usage: tallybench COMMAND [OPTION]...\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].meaning);
    puts("\ntallybench COMMAND --help tells a command's options.\n"
         "Exit status: 0 all checks hold, 1 not so, 2 usage.");
}

static const struct command_row *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int run_command(const struct command_row *command, int argc, char **argv)
{
    struct options options;
    char error[OPTIONS_ERROR_MAX];
    options_init(&options);
    switch (options_parse(&options, command->command, argc, argv, error)) {
    case OPTIONS_GO:
        return command->run(&options);
    case OPTIONS_HELP:
        printf("usage: tallybench %s [OPTION]...%s\n\n%s\n\n", command->name,
               command->command == OPTIONS_RUN ? " [-- SERVER-OPTION...]" : "", command->meaning);
        options_print(command->command);
        return STATUS_GOOD;
    case OPTIONS_WRONG:
        break;
    }
    fprintf(stderr, "tallybench %s: %s\n", command->name, error);
    return OPTIONS_USAGE_STATUS;
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help();
        return argc > 1 ? STATUS_GOOD : OPTIONS_USAGE_STATUS;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("tallybench " PACKAGE_VERSION);
        return STATUS_GOOD;
    }
    const struct command_row *command = find_command(name);
    if (command)
        return run_command(command, argc - 1, argv + 1);
    fprintf(stderr, "tallybench: there is no command '%s'; tallybench --help lists them\n", name);
    return OPTIONS_USAGE_STATUS;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    int status = run(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == STATUS_GOOD)
        status = complain("standard output",
                          errno ? strerror(errno) : "what was printed is lost in part");
    return status;
}
