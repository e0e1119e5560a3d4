/* Fuzzes the reader of ballots (libFuzzer). The first byte of the input chooses a poll, the rest is
 * what its voter sent. Whatever that is, nothing outside it is read; and what is taken has valid
 * marks, and a canonical text that is read as the same marks. */
#include "proto/command.h"
#include "proto/marks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const polls[] = {
    "CREATE p a b 1",
    "CREATE p a b 1 abstain=no",
    "CREATE p a b 1 d e f g kind=approval",
    "CREATE p a b 1 d e f g kind=approval min=2 max=3",
    "CREATE p a b 1 d e f g kind=score",
    "CREATE p a b 1 d e f g kind=score scores=10 min=2 max=3",
    "CREATE p a b 1 d e f g kind=ranked",
    "CREATE p a b 1 d e f g kind=ranked equal=no min=2",
    "CREATE p a b 1 d e f g method=irv",
    "CREATE p a b 1 d e f g method=stv seats=2 max=3 abstain=no",
};

enum { POLL_COUNT = sizeof polls / sizeof polls[0] };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int parse(const struct command *poll, struct span text, struct marks *marks)
{
    char why[MARKS_WHY_SIZE] = "";
    memset(marks, 0xa5, sizeof *marks); /* so that a mark left unset is none that passes */
    int result = marks_parse(text, &poll->settings, poll->choices, poll->choice_count, marks, why);
    require(result == 0 || result == ERR_NO_SUCH_CHOICE || result == ERR_BAD_BALLOT);
    require((result == 0) == (why[0] == '\0') && memchr(why, '\0', sizeof why));
    return result;
}

static void require_round_trip(const struct command *poll, const struct marks *marks)
{
    char text[MARKS_TEXT_MAX], same[MARKS_TEXT_MAX];
    struct marks again;
    size_t len = marks_write(marks, &poll->settings, poll->choices, text);
    require(len > 0 && parse(poll, (struct span){text, len}, &again) == 0);
    require(again.count == marks->count && again.abstains == marks->abstains);
    require(memcmp(again.mark, marks->mark, marks->count) == 0);
    require(marks_write(&again, &poll->settings, poll->choices, same) == len);
    require(memcmp(text, same, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct command poll;
    struct marks marks;
    struct name name;
    const char *why;
    if (size == 0)
        return 0;
    const char *create = polls[data[0] % POLL_COUNT];
    require(command_parse(create, strlen(create), &poll, &why) == 0);
    char *text = malloc(size); /* a sanitizer sees a step beyond its end */
    if (!text)
        return 0;
    memcpy(text + 1, data + 1, size - 1);
    if (parse(&poll, (struct span){text + 1, size - 1}, &marks) == 0) {
        require(marks_may_be((struct span){text + 1, size - 1}) ||
                name_parse(text + 1, size - 1, &name));
        require(marks.abstains || marks_are_valid(marks.mark, &poll.settings, poll.choice_count));
        require_round_trip(&poll, &marks);
    }
    free(text);
    return 0;
}
