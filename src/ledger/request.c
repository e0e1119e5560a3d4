/* Texts and names for requests. Any thread. Fails: memory. */
#include "ledger/request.h"

#include <stdlib.h>
#include <string.h>

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

struct request_voter *request_voter_new(struct span name, struct span spelling)
{
    bool differs = spelling.len != name.len || memcmp(spelling.at, name.at, name.len) != 0;
    struct request_voter *voter = malloc(sizeof *voter + name.len + spelling.len);
    if (!voter)
        return NULL;
    memcpy(voter->bytes, name.at, name.len);
    voter->name = (struct span){voter->bytes, name.len};
    voter->spelling = (struct span){NULL, 0};
    if (differs) {
        memcpy(voter->bytes + name.len, spelling.at, spelling.len);
        voter->spelling = (struct span){voter->bytes + name.len, spelling.len};
    }
    return voter;
}
