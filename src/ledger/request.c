/* Text for requests. Any thread. Fails: memory. */
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
