/* Texts and ballots for requests. Any thread. Fails: memory. */
#include "ledger/request.h"

#include "poll/poll.h"

#include <stdlib.h>
#include <string.h>

struct request_wait *request_wait_new(bool pairs)
{
    struct request_wait *wait = calloc(1, sizeof *wait);
    if (wait)
        wait->pairs = pairs;
    return wait;
}

struct request_text *request_text_new(const char *bytes, size_t len)
{
    struct request_text *text = malloc(sizeof *text + len + 1);
    if (!text)
        return NULL;
    text->len = len;
    memcpy(text->bytes, bytes, len);
    text->bytes[len] = '\0';
    return text;
}

/* Copies a span to *at, and moves that behind it. */
static struct span put(char **at, struct span from)
{
    if (!from.at)
        return from;
    struct span copy = {memcpy(*at, from.at, from.len), from.len};
    *at += from.len;
    return copy;
}

struct request_ballot *request_ballot_new(const struct request_ballot *from)
{
    struct span spelling = from->spelling;
    if (spelling.at && spelling.len == from->name.len &&
        memcmp(spelling.at, from->name.at, spelling.len) == 0)
        spelling = (struct span){NULL, 0};
    struct request_ballot *ballot =
        malloc(sizeof *ballot + from->name.len + spelling.len + from->marks.len);
    if (!ballot)
        return NULL;
    char *at = ballot->bytes;
    ballot->name = put(&at, from->name);
    ballot->spelling = put(&at, spelling);
    ballot->marks = put(&at, from->marks);
    ballot->marks_hash = from->marks_hash;
    return ballot;
}

void request_free_detail(const struct request *request)
{
    if (request->kind == REQUEST_CREATE)
        poll_free(request->detail);
    else
        free(request->detail);
}
