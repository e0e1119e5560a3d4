/* The codec's second half: the server's replies. Pure functions, for any thread: the encoders for
 * the server, the decoders for the tools and tests.
 *
 * An encoder can't fail: the caller has the room that reply.h names. A decoder accepts exactly what
 * the encoders write, so tally_encode() reproduces byte by byte whatever tally_parse() accepts. */
#include "proto/reply.h"

#include "proto/number.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIX_MAX = 8 };

/* ---- Encoding ---- */

static char *put_bytes(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static char *put_word(char *at, const char *word)
{
    return put_bytes(at, word, strlen(word));
}

static size_t end_line(char *out, char *at)
{
    *at++ = '\n';
    return (size_t)(at - out);
}

size_t reply_greeting(char *out, unsigned line_max)
{
    char *at = put_word(out, "+TALLYCAST ");
    at = number_put(at, PROTO_VERSION);
    at = put_word(at, " max-line=");
    return end_line(out, number_put(at, line_max));
}

size_t reply_ok(char *out)
{
    return end_line(out, put_word(out, "+OK"));
}

size_t reply_ok_text(char *out, const char *text, size_t len)
{
    if (len == 0)
        return reply_ok(out);
    if (len > PROTO_ADMIN_LINE_MAX)
        abort();
    return end_line(out, put_bytes(put_word(out, "+OK "), text, len));
}

size_t reply_ok_number(char *out, uint64_t number, bool duplicate)
{
    char *at = number_put(put_word(out, "+OK "), number);
    return end_line(out, duplicate ? put_word(at, " duplicate") : at);
}

size_t reply_error(char *out, enum error error, uint64_t seq, const char *text)
{
    char *at = out;
    *at++ = '-';
    at = put_word(at, error_code(error));
    if (error == ERR_ALREADY_VOTED && seq > 0) {
        *at++ = ' ';
        at = number_put(at, seq);
    }
    if (!text)
        text = error == ERR_ALREADY_VOTED && seq == 0 ? ALREADY_VOTED_UNTOLD : error_text(error);
    *at++ = ' ';
    return end_line(out, put_bytes(at, text, strnlen(text, PROTO_LINE_MAX)));
}

size_t tally_line_max(unsigned choice_count)
{
    size_t number = 1 + NUMBER_DIGITS_MAX;
    size_t head = PREFIX_MAX + PROTO_NAME_MAX + sizeof " closed" - 1 + number + number;
    size_t choice = 1 + PROTO_NAME_MAX + number; /* ` NAME=COUNT` */
    return head + choice_count * choice + sizeof "\n" - 1;
}

size_t tally_encode(char *out, const char *prefix, const struct tally_view *view)
{
    char *at = put_word(out, prefix);
    at = put_word(at, view->poll);
    at = put_word(at, view->open ? " open " : " closed ");
    at = number_put(at, view->seq);
    *at++ = ' ';
    at = number_put(at, view->ballots);
    for (unsigned i = 0; !view->hidden && i < view->choice_count; i++) {
        *at++ = ' ';
        at = put_bytes(at, view->choices[i].text, view->choices[i].len);
        *at++ = '=';
        at = number_put(at, view->counts[i]);
    }
    return end_line(out, at);
}

#define WINNERS_PREFIX "> @result "

size_t winners_line_max(unsigned count)
{
    size_t head = sizeof WINNERS_PREFIX - 1 + PROTO_NAME_MAX + 1 + NUMBER_DIGITS_MAX;
    return head + count * (size_t)(1 + PROTO_NAME_MAX) + sizeof "\n" - 1;
}

size_t winners_encode(char *out, const struct winners_view *view)
{
    char *at = put_word(put_word(out, WINNERS_PREFIX), view->poll);
    *at++ = ' ';
    at = number_put(at, view->seq);
    for (unsigned i = 0; i < view->count; i++) {
        const struct name *winner = &view->choices[view->winners[i]];
        *at++ = ' ';
        at = put_bytes(at, winner->text, winner->len);
    }
    return end_line(out, at);
}

/* ---- Decoding ---- */

/* Reads a number as number_put() writes it. */
static bool read_number(struct span word, uint64_t *number)
{
    if (word.len > 1 && word.at[0] == '0')
        return false;
    return number_parse(word.at, word.len, UINT64_MAX, number);
}

/* Reads a name as the server writes it. */
static bool read_name(struct span word, struct name *name)
{
    return name_parse(word.at, word.len, name) && memcmp(word.at, name->text, word.len) == 0;
}

static enum reply_kind kind_of(char first)
{
    switch (first) {
    case '+':
        return REPLY_OK;
    case '-':
        return REPLY_ERROR;
    case '=':
        return REPLY_ROW;
    case '>':
        return REPLY_PUSH;
    default:
        return REPLY_UNKNOWN;
    }
}

/* Sets the members that the first words of a reply's text give. */
static void read_text(struct reply *reply)
{
    struct span rest = reply->text;
    reply->has_number = read_number(span_cut(&rest, ' '), &reply->number);
    reply->duplicate = reply->kind == REPLY_OK && reply->has_number && span_is(rest, "duplicate");
}

void reply_parse(const char *line, size_t len, struct reply *reply)
{
    *reply = (struct reply){.kind = len > 0 ? kind_of(line[0]) : REPLY_UNKNOWN};
    if (reply->kind == REPLY_UNKNOWN)
        return;
    struct span rest = {line + 1, len - 1};
    bool has_code = reply->kind == REPLY_OK || reply->kind == REPLY_ERROR;
    if (has_code)
        reply->code = span_cut(&rest, ' ');
    bool is_push = reply->kind == REPLY_PUSH;
    if ((has_code && reply->code.len == 0) || (is_push && span_cut(&rest, ' ').len > 0)) {
        *reply = (struct reply){.kind = REPLY_UNKNOWN};
        return;
    }
    reply->text = rest;
    read_text(reply);
}

static bool read_state(struct span word, bool *open)
{
    *open = span_is(word, "open");
    return *open || span_is(word, "closed");
}

static bool read_choice(struct span word, struct tally_row *row)
{
    if (row->choice_count == PROTO_CHOICES_MAX)
        return false;
    unsigned i = row->choice_count++;
    struct span name = span_cut(&word, '=');
    return read_name(name, &row->choices[i]) && read_number(word, &row->counts[i]);
}

bool tally_parse(const char *text, size_t len, struct tally_row *row)
{
    struct span rest = {text, len};
    if (len == 0 || text[len - 1] == ' ' || !read_name(span_cut(&rest, ' '), &row->poll) ||
        !read_state(span_cut(&rest, ' '), &row->open) ||
        !read_number(span_cut(&rest, ' '), &row->seq) ||
        !read_number(span_cut(&rest, ' '), &row->ballots))
        return false;
    row->choice_count = 0;
    while (rest.len > 0)
        if (!read_choice(span_cut(&rest, ' '), row))
            return false;
    row->hidden = row->choice_count == 0;
    return row->choice_count != 1;
}
