/* The table of options, and finding one in it. */
#include "config/option.h"

#include "base/spelling.h"
#include "config/reader.h"
#include "config/setters.h"

#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

const struct option options[OPTION_COUNT] = {
#define OPTION(id, option_name, value, text) \
    {.kind = OPTION_TEXT, .name = option_name, .value_name = value, .help = text, .set = set_##id},
#define LIST(id, option_name, value, text) \
    {.kind = OPTION_TEXT,                  \
     .name = option_name,                  \
     .value_name = value,                  \
     .help = text,                         \
     .set = set_##id,                      \
     .forget = config_forget_##id},
#define NUMBER(member, option_name, value, from, to, standard, text) \
    {.kind = OPTION_NUMBER,                                          \
     .name = option_name,                                            \
     .value_name = value,                                            \
     .help = text,                                                   \
     .offset = offsetof(struct config, member),                      \
     .least = from,                                                  \
     .most = to},
#define FLAG(id, option_name, text) \
    {.kind = OPTION_FLAG, .name = option_name, .help = text, .flag = OPTION_FLAG_##id},
#include "config/options.def"
};

static unsigned threads_for(long processors)
{
    return processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (unsigned)processors;
}

/* Requests over HTTP end in the loop that took them, so each processor gets one. */
static unsigned default_ingest_threads(void)
{
    return threads_for(sysconf(_SC_NPROCESSORS_ONLN));
}

/* Half the processors, so that a storm of pushes leaves some to voters. */
static unsigned default_broadcast_threads(void)
{
    return threads_for(sysconf(_SC_NPROCESSORS_ONLN) / 2);
}

void option_default_numbers(struct config *config)
{
#define NUMBER(member, name, value, least, most, standard, help) config->member = standard;
#include "config/options.def"
}

unsigned *option_number(const struct option *option, struct config *config)
{
    return (unsigned *)(void *)((char *)config + option->offset);
}

const struct option *option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

/* The option that was probably meant, if one is near enough. */
static const struct option *guess(const char *name, size_t len)
{
    const struct option *nearest = NULL;
    unsigned least = SPELLING_UNLIKE;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        unsigned distance = spelling_distance(name, len, options[i].name);
        if (distance < least) {
            least = distance;
            nearest = &options[i];
        }
    }
    return nearest;
}

int option_fail_unknown(struct reader *reader, const char *dashes, const char *name, size_t len)
{
    const struct option *meant = guess(name, len);
    int shown = reader_shown_len(len);
    if (meant == NULL)
        return reader_fail(reader, "there is no option '%s%.*s' (tallycast --help lists them)",
                           dashes, shown, name);
    return reader_fail(reader, "there is no option '%s%.*s': is %s%s meant?", dashes, shown, name,
                       dashes, meant->name);
}

bool option_is_early(const struct option *option)
{
    return option->kind == OPTION_FLAG || option->set == set_config;
}
