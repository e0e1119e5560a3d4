/* Fuzzes the codec's second half with one line of a server (libFuzzer). Whatever the line, nothing
 * outside it is read; and what is decoded is encoded to the same bytes again, in no more room than
 * reply.h says. */
#include "proto/reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_same(const char *out, size_t out_len, const char *line, size_t len)
{
    require(out_len == len + 1 && memcmp(out, line, len) == 0 && out[len] == '\n');
}

static void check_tally(const char *text, size_t len)
{
    static struct tally_row row;
    memset(&row, 0xa5, sizeof row);
    if (!tally_parse(text, len, &row))
        return;
    require(row.hidden == (row.choice_count == 0));
    struct tally_view view = {row.poll.text, row.open,         row.hidden,  row.seq,
                              row.ballots,   row.choice_count, row.choices, row.counts};
    char *out = malloc(tally_line_max(row.choice_count));
    if (!out)
        return;
    require_same(out, tally_encode(out, "", &view), text, len);
    free(out);
}

static void require_inside(struct span span, const char *line, size_t len)
{
    require(span.at > line && span.at + span.len <= line + len);
}

/* A number is one that the encoder of `+OK SEQ` writes so. */
static void check_number(const struct reply *reply, const char *line, size_t len)
{
    char out[REPLY_MAX];
    size_t out_len = reply_ok_number(out, reply->number, reply->duplicate);
    if (reply->duplicate)
        require_same(out, out_len, line, len);
    else
        require(memcmp(out + 4, reply->text.at, out_len - 5) == 0);
}

static void check_reply(const char *line, size_t len)
{
    struct reply reply;
    memset(&reply, 0xa5, sizeof reply);
    reply_parse(line, len, &reply);
    if (reply.kind == REPLY_UNKNOWN) {
        require(!reply.code.at && !reply.text.at && !reply.has_number && !reply.duplicate);
        return;
    }
    require_inside(reply.text, line, len);
    if (reply.kind == REPLY_OK || reply.kind == REPLY_ERROR) {
        require_inside(reply.code, line, len);
        require(reply.code.len > 0 && !memchr(reply.code.at, ' ', reply.code.len));
    }
    if (reply.has_number && reply.kind == REPLY_OK && reply.code.len == 2 &&
        memcmp(reply.code.at, "OK", 2) == 0)
        check_number(&reply, line, len);
    check_tally(reply.text.at, reply.text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size ? size : 1); /* exact: the sanitizer sees a step beyond it */
    if (!line)
        return 0;
    memcpy(line, data, size);
    check_reply(line, size);
    check_tally(line, size);
    free(line);
    return 0;
}
