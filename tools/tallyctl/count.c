/* `count`: the result of an election in a file, by the same code as the server's. Happy path: read
 * the file, settle how its ballots are counted, count them, and show the rows of the result as
 * `result` shows a server's. What can fail is what the file holds, or what the options ask for. */
#include "proto/lot.h"
#include "tools/election/election_read.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/election_result.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/result_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the options say ---- */

static enum status give(struct election *election, enum setting setting, const char *text)
{
    uint16_t value;
    if (!text)
        return STATUS_DONE;
    if (!setting_parse(setting, (struct span){text, strlen(text)}, &value)) {
        output_error("%s", setting_usage(setting));
        return STATUS_USAGE;
    }
    election_give(election, setting, value);
    return STATUS_DONE;
}

static enum status give_all(struct election *election, const struct invocation *invocation)
{
    enum status status = give(election, SETTING_METHOD, invocation->method);
    if (status == STATUS_DONE)
        status = give(election, SETTING_SEATS, invocation->seats);
    return status == STATUS_DONE ? give(election, SETTING_SCORES, invocation->scores) : status;
}

static enum status give_lot(struct election *election, const char *text)
{
    char why[LOT_WHY_SIZE];
    if (!text)
        return STATUS_DONE;
    if (lot_parse((struct span){text, strlen(text)}, election->choices, election->choice_count,
                  election->lot, why) != 0) {
        output_error("--lot: %s", why);
        return STATUS_USAGE;
    }
    election->has_lot = true;
    return STATUS_DONE;
}

/* ---- the file ---- */

static enum status refuse(const char *file, const char *why)
{
    output_error("%s: %s", strcmp(file, "-") == 0 ? "standard input" : file, why);
    return STATUS_REFUSED;
}

static enum status read_file(struct election *election, const char *file)
{
    char why[ELECTION_WHY_MAX];
    const bool is_input = strcmp(file, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse(file, strerror(errno));
    int result = election_read_file(election, fd, why);
    if (!is_input)
        close(fd);
    return result == 0 ? STATUS_DONE : refuse(file, why);
}

static enum status read_election(const struct invocation *invocation, struct election *election)
{
    char why[ELECTION_WHY_MAX];
    enum status status = give_all(election, invocation);
    if (status == STATUS_DONE)
        status = read_file(election, invocation->argv[0]);
    if (status == STATUS_DONE)
        status = give_lot(election, invocation->lot);
    if (status == STATUS_DONE && election_settle(election, why) != 0)
        status = refuse(invocation->argv[0], why);
    return status;
}

/* ---- what is printed ---- */

static void draw(struct election *election, const struct result_view *result)
{
    struct view_choice choices[PROTO_CHOICES_MAX];
    for (unsigned i = 0; i < election->choice_count; i++)
        choices[i] =
            (struct view_choice){.name = election->choices[i].text, .label = election->labels[i]};
    if (election->title && *election->title) {
        output_text(stdout, election->title, strlen(election->title));
        putchar('\n');
    }
    result_view_draw(result, (struct result_choices){election->choice_count, choices},
                     output_columns(), stdout);
}

static void print(const struct invocation *invocation, struct election *election,
                  const struct result_view *result)
{
    const char *title = election->title ? election->title : "";
    if (invocation->json) {
        json_t *object = result_view_json(result);
        json_object_set_new(object, "title", output_json_text(title, strlen(title)));
        output_json(object);
    } else if (output_is_terminal()) {
        draw(election, result);
    } else {
        result_view_print(result, stdout);
    }
}

enum status command_count(const struct invocation *invocation)
{
    struct election *election = must_calloc(1, sizeof *election);
    struct result_view result = {0};
    enum status status = read_election(invocation, election);
    if (status == STATUS_DONE) {
        election_result(election, invocation->pairs, &result);
        print(invocation, election, &result);
    }
    result_view_clear(&result);
    election_clear(election);
    free(election);
    return status;
}
