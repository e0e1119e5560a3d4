/* Server-sent events (see event.h): the form that the server writes, and no other that the
 * standard allows too. */
#include "tools/tallybench/load/event.h"

#include "proto/name.h"
#include "proto/number.h"

#include <jansson.h>
#include <string.h>

static bool skip(struct span *text, const char *word)
{
    size_t len = strlen(word);
    if (text->len < len || memcmp(text->at, word, len) != 0)
        return false;
    text->at += len;
    text->len -= len;
    return true;
}

static struct span take_line(struct span *text)
{
    const char *end = memchr(text->at, '\n', text->len);
    struct span line = {text->at, end ? (size_t)(end - text->at) : text->len};
    text->at += line.len + (end != NULL);
    text->len -= line.len + (end != NULL);
    return line;
}

bool event_is_silent(struct span block)
{
    struct span line = take_line(&block);
    uint64_t ms;
    if (skip(&line, "event: beat"))
        return line.len == 0 && skip(&block, "data: ") && !memchr(block.at, '\n', block.len);
    if (block.len > 0)
        return false;
    return skip(&line, "retry: ") && number_parse(line.at, line.len, UINT64_MAX, &ms);
}

/* ---- the tally ---- */

static bool read_name(const json_t *json, struct name *name)
{
    return json_is_string(json) &&
           name_parse(json_string_value(json), json_string_length(json), name);
}

static bool read_count(const json_t *json, bool hidden, uint64_t *count)
{
    *count = hidden ? 0 : (uint64_t)json_integer_value(json);
    return hidden ? json_is_null(json) : json_is_integer(json) && json_integer_value(json) >= 0;
}

static bool read_choices(json_t *list, struct tally_row *row)
{
    size_t count = json_array_size(list);
    if (count == 0 || count > PROTO_CHOICES_MAX)
        return false;
    row->choice_count = (unsigned)count;
    for (unsigned i = 0; i < row->choice_count; i++) {
        json_t *choice = json_array_get(list, i);
        if (json_object_size(choice) != 2 ||
            !read_name(json_object_get(choice, "choice"), &row->choices[i]) ||
            !read_count(json_object_get(choice, "count"), row->hidden, &row->counts[i]))
            return false;
    }
    return true;
}

static bool read_tally(json_t *json, struct tally_row *row)
{
    json_t *poll = NULL, *choices = NULL;
    json_int_t seq = -1, texts = -1, ballots = -1;
    int open = 0, hidden = 0;
    const char *ledger, *state;
    if (json_unpack(json, "{s:o,s:s,s:I,s:I,s:s,s:b,s:b,s:I,s:o!}", "poll", &poll, "ledger",
                    &ledger, "seq", &seq, "texts", &texts, "state", &state, "open", &open, "hidden",
                    &hidden, "ballots", &ballots, "choices", &choices) != 0 ||
        seq < 0 || texts < 0 || ballots < 0 || !read_name(poll, &row->poll) ||
        open != (strcmp(state, "open") == 0))
        return false;
    row->seq = (uint64_t)seq;
    row->ballots = (uint64_t)ballots;
    row->open = open;
    row->hidden = hidden;
    return read_choices(choices, row);
}

const char *event_parse(const char *block, size_t len, struct tally_row *row)
{
    struct span rest = {block, len}, event = take_line(&rest), id = take_line(&rest);
    uint64_t seq;
    if (!skip(&event, "event: tally") || event.len > 0 || !skip(&id, "id: ") ||
        !number_parse(id.at, id.len, UINT64_MAX, &seq) || !skip(&rest, "data: ") ||
        memchr(rest.at, '\n', rest.len))
        return "not a well-formed event";
    json_t *json = json_loadb(rest.at, rest.len, JSON_REJECT_DUPLICATES, NULL);
    bool good = json && read_tally(json, row);
    json_decref(json);
    if (!good)
        return "an event whose data are no tally";
    return row->seq == seq ? NULL : "an event whose id is not its tally's sequence";
}
