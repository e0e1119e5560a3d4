/* Results, row by row: keeping them, and what they are in JSON. Rows of other kinds, and words that
 * a row has besides, are of a later server, and no mistake. */
#include "tools/tallyctl/result_view.h"

#include "proto/number.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[RESULT_OTHER] = {
    [RESULT_METHOD] = "method", [RESULT_LOT] = "lot",           [RESULT_ROUND] = "round",
    [RESULT_ELECT] = "elect",   [RESULT_TRANSFER] = "transfer", [RESULT_ELIMINATE] = "eliminate",
    [RESULT_TIE] = "tie",       [RESULT_RUNOFF] = "runoff",     [RESULT_RANK] = "rank",
    [RESULT_WINNER] = "winner", [RESULT_NOBODY] = "nobody",     [RESULT_PAIR] = "pair",
    [RESULT_PATH] = "path",
};

void result_view_clear(struct result_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        free(view->rows[i].text);
    free(view->rows);
    *view = (struct result_view){0};
}

static enum result_row_kind kind_of(struct span word)
{
    enum result_row_kind kind = 0;
    while (kind < RESULT_OTHER && !span_is(word, kinds[kind]))
        kind++;
    return kind;
}

/* A choice's name may be digits, so a number is looked for only where there is one. */
static bool has_number(enum result_row_kind kind)
{
    return (kind >= RESULT_ROUND && kind <= RESULT_TIE) || kind == RESULT_RANK ||
           kind == RESULT_WINNER;
}

static struct result_view_row *add_row(struct result_view *view)
{
    if (view->count == view->room) {
        view->room = view->room ? 2 * view->room : 32;
        view->rows = realloc(view->rows, view->room * sizeof *view->rows);
        if (!view->rows)
            memory_exhausted();
    }
    return &view->rows[view->count++];
}

void result_view_take(struct span row, void *owner)
{
    struct result_view_row *taken = add_row(owner);
    *taken = (struct result_view_row){.text = must_calloc(row.len + 1, 1)};
    memcpy(taken->text, row.at, row.len);
    struct span rest = {taken->text, row.len};
    taken->kind = kind_of(span_cut(&rest, ' '));
    taken->rest = rest;
    struct span number = span_cut(&rest, ' ');
    if (has_number(taken->kind) && number_parse(number.at, number.len, UINT64_MAX, &taken->number))
        taken->rest = rest;
}

enum status result_view_ask(struct result_view *view, struct client *client, const char *poll,
                            bool pairs)
{
    struct request request;
    struct reply reply = {0};
    result_view_clear(view);
    request_start(&request, "RESULT");
    request.about = poll;
    enum status status = request_word(&request, poll);
    if (status == STATUS_DONE && pairs)
        status = request_word(&request, "pairs");
    if (status == STATUS_DONE)
        status = client_call(client, &request, result_view_take, view, &reply);
    if (status == STATUS_DONE && reply.has_number)
        view->seq = reply.number;
    return status;
}

const struct result_view_row *result_view_find(const struct result_view *view,
                                               enum result_row_kind kind)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->rows[i].kind == kind)
            return &view->rows[i];
    return NULL;
}

struct span result_view_value(struct span words, const char *name)
{
    while (words.len > 0) {
        struct span value = span_cut(&words, ' ');
        if (memchr(value.at, '=', value.len) && span_is(span_cut(&value, '='), name))
            return value;
    }
    return (struct span){0};
}

bool result_view_is_hidden(const struct result_view *view)
{
    const struct result_view_row *method = result_view_find(view, RESULT_METHOD);
    return method && !result_view_value(method->rest, "weight").at;
}

bool result_view_equal(const struct result_view *a, const struct result_view *b)
{
    bool is_equal = a->count == b->count;
    for (size_t i = 0; is_equal && i < a->count; i++)
        is_equal = strcmp(a->rows[i].text, b->rows[i].text) == 0;
    return is_equal;
}

struct span result_view_winner(const struct result_view *view, unsigned place)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->rows[i].kind == RESULT_WINNER && view->rows[i].number == place)
            return view->rows[i].rest;
    return (struct span){0};
}

void result_view_print(const struct result_view *view, FILE *out)
{
    for (size_t i = 0; i < view->count; i++) {
        output_text(out, view->rows[i].text, strlen(view->rows[i].text));
        putc('\n', out);
    }
}

unsigned result_view_choices(const struct result_view *view)
{
    const struct result_view_row *lot = result_view_find(view, RESULT_LOT);
    struct span rest = lot ? lot->rest : (struct span){0};
    unsigned count = 0;
    for (; rest.len > 0; count++)
        span_cut(&rest, '>');
    return count;
}

bool result_view_cut_votes(struct span *words, struct span *name, struct span *votes)
{
    if (words->len == 0)
        return false;
    *votes = span_cut(words, ' ');
    *name = span_cut(votes, '=');
    return true;
}

/* ---- JSON ---- */

static json_t *text_json(struct span text)
{
    return output_json_text(text.at, text.len);
}

/* A whole number as a number; one with decimals, which a program might round, as text. */
static json_t *votes_json(struct span text)
{
    uint64_t number;
    return number_parse(text.at, text.len, INT64_MAX, &number) ? json_integer((json_int_t)number)
                                                               : text_json(text);
}

static json_t *list_json(struct span rest, char separator)
{
    json_t *list = json_array();
    while (rest.len > 0)
        json_array_append_new(list, text_json(span_cut(&rest, separator)));
    return list;
}

static void set(json_t *object, struct span name, json_t *value)
{
    char key[PROTO_NAME_MAX + 1] = "";
    if (name.len <= PROTO_NAME_MAX)
        memcpy(key, name.at, name.len);
    json_object_set_new(object, key, value);
}

/* The words `name=value` of a row as members; of the first `choices`, within `votes`. */
static json_t *words_json(struct span words, unsigned choices)
{
    json_t *object = json_object(), *votes = choices > 0 ? json_object() : NULL;
    struct span name, value;
    for (unsigned i = 0; result_view_cut_votes(&words, &name, &value); i++)
        set(i < choices ? votes : object, name, votes_json(value));
    if (votes)
        json_object_set_new(object, "votes", votes);
    return object;
}

static json_t *round_json(const struct result_view *view, const struct result_view_row *row)
{
    json_t *round = words_json(row->rest, result_view_choices(view));
    json_object_set_new(round, "round", json_integer((json_int_t)row->number));
    return round;
}

static json_t *step_json(const struct result_view_row *row)
{
    struct span rest = row->rest;
    json_t *step =
        json_pack("{s:I, s:s}", "round", (json_int_t)row->number, "step", kinds[row->kind]);
    if (row->kind == RESULT_TIE) {
        json_object_set_new(step, "of", text_json(span_cut(&rest, ' ')));
        json_object_set_new(step, "choices", list_json(span_cut(&rest, ' '), ','));
    } else {
        json_object_set_new(step, "choice", text_json(span_cut(&rest, ' ')));
    }
    json_t *words = words_json(rest, 0);
    json_object_update(step, words);
    json_decref(words);
    return step;
}

/* `a b 28 17` and `a b 28`. */
static json_t *pair_json(const struct result_view_row *row)
{
    struct span rest = row->rest;
    json_t *pair = json_array();
    for (unsigned i = 0; rest.len > 0; i++) {
        struct span word = span_cut(&rest, ' ');
        json_array_append_new(pair, i < 2 ? text_json(word) : votes_json(word));
    }
    return pair;
}

static void append(json_t *object, const char *list, json_t *value)
{
    json_t *there = json_object_get(object, list);
    if (!there) {
        there = json_array();
        json_object_set_new(object, list, there);
    }
    json_array_append_new(there, value);
}

static void set_method(json_t *object, struct span rest)
{
    json_object_set_new(object, "method", text_json(span_cut(&rest, ' ')));
    json_t *words = words_json(rest, 0);
    json_object_update(object, words);
    json_decref(words);
}

static void add_row_json(json_t *object, const struct result_view *view,
                         const struct result_view_row *row)
{
    switch (row->kind) {
    case RESULT_METHOD:
        set_method(object, row->rest);
        break;
    case RESULT_LOT:
        json_object_set_new(object, "lot", list_json(row->rest, '>'));
        break;
    case RESULT_ROUND:
        append(object, "rounds", round_json(view, row));
        break;
    case RESULT_ELECT:
    case RESULT_TRANSFER:
    case RESULT_ELIMINATE:
    case RESULT_TIE:
        append(object, "steps", step_json(row));
        break;
    case RESULT_RUNOFF:
        json_object_set_new(object, "runoff", words_json(row->rest, 2));
        break;
    case RESULT_RANK:
        append(object, "ranks", list_json(row->rest, ','));
        break;
    case RESULT_WINNER:
        append(object, "winners", text_json(row->rest));
        break;
    case RESULT_NOBODY:
        json_object_set_new(object, "nobody", text_json(row->rest));
        break;
    case RESULT_PAIR:
        append(object, "pairs", pair_json(row));
        break;
    case RESULT_PATH:
        append(object, "paths", pair_json(row));
        break;
    case RESULT_OTHER:
        break;
    }
}

json_t *result_view_json(const struct result_view *view)
{
    json_t *object =
        json_pack("{s:b, s:[], s:[]}", "hidden", result_view_is_hidden(view), "steps", "winners");
    if (object && view->seq > 0)
        json_object_set_new(object, "seq", json_integer((json_int_t)view->seq));
    for (size_t i = 0; object && i < view->count; i++)
        add_row_json(object, view, &view->rows[i]);
    return object;
}
