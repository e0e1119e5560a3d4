/* Polls' definitions and texts. */
#include "poll/poll.h"

#include "poll/values.h"
#include "proto/choice.h"
#include "proto/lot.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct poll *poll_new(const struct name *name, const struct settings *settings,
                      const struct name *choices, unsigned choice_count, const uint8_t *lot)
{
    const size_t choices_bytes = choice_count * sizeof *choices;
    struct poll *poll = calloc(1, sizeof *poll + choices_bytes + choice_count * sizeof *lot);
    if (!poll)
        return NULL;
    uint8_t *own_lot = (uint8_t *)poll->choices + choices_bytes;
    if (lot)
        memcpy(own_lot, lot, choice_count * sizeof *lot);
    else
        lot_list(own_lot, choice_count);
    poll->lot = own_lot;
    poll->settings = *settings;
    poll->name = *name;
    poll->choice_count = choice_count;
    memcpy(poll->choices, choices, choices_bytes);
    if (poll_setting(poll, SETTING_KIND) == KIND_SINGLE ||
        (poll->values = values_new(choice_count)))
        return poll;
    free(poll);
    return NULL;
}

void poll_free(struct poll *poll)
{
    if (poll)
        values_free(poll->values);
    free(poll);
}

int poll_choice_find(const struct poll *poll, const struct name *name)
{
    return choice_find(poll->choices, poll->choice_count, name);
}

/* Fisher and Yates, in Durstenfeld's form. */
void poll_draw_lot(uint8_t *lot, unsigned choice_count)
{
    lot_list(lot, choice_count);
    for (unsigned left = choice_count; left > 1; left--) {
        unsigned drawn = randombytes_uniform(left);
        uint8_t last = lot[left - 1];
        lot[left - 1] = lot[drawn];
        lot[drawn] = last;
    }
}

static void text_set(struct poll_text *text, const char *bytes, size_t len)
{
    text->len = (uint8_t)len;
    memcpy(text->bytes, bytes, len);
}

struct poll_texts *poll_texts_change(const struct poll *poll, const struct poll_texts *texts,
                                     unsigned index, const char *bytes, size_t len)
{
    unsigned count = 1 + poll->choice_count;
    struct poll_texts *changed = calloc(1, sizeof *changed + count * sizeof changed->text[0]);
    if (!changed)
        return NULL;
    changed->refs = 1;
    changed->count = count;
    if (texts) {
        memcpy(changed->text, texts->text, count * sizeof changed->text[0]);
    } else {
        text_set(&changed->text[0], poll->name.text, poll->name.len);
        for (unsigned i = 0; i < poll->choice_count; i++)
            text_set(&changed->text[1 + i], poll->choices[i].text, poll->choices[i].len);
    }
    text_set(&changed->text[index], bytes, len);
    return changed;
}

struct poll_texts *poll_texts_ref(struct poll_texts *texts)
{
    if (texts)
        atomic_fetch_add_explicit(&texts->refs, 1, memory_order_relaxed);
    return texts;
}

void poll_texts_unref(struct poll_texts *texts)
{
    if (texts && atomic_fetch_sub_explicit(&texts->refs, 1, memory_order_acq_rel) == 1)
        free(texts);
}
