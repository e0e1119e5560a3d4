/* The errors of the line protocol: the list in errors.def as a table. Any thread. Nothing can fail;
 * a value that isn't in the list is a broken invariant and aborts. */
#include "proto/error.h"

#include <stddef.h>
#include <stdlib.h>

static const struct {
    const char *code;
    const char *text;
    bool blames;
    int status;
    const char *detail;
} errors[ERROR_COUNT] = {
#define ERROR(id, code, text, blames, status, detail) \
    [ERROR_ORDINAL_##id] = {code, text, blames, status, detail},
#include "proto/errors.def"
#undef ERROR
};

static unsigned ordinal(enum error error)
{
    int place = -1 - (int)error;
    if (place < 0 || place >= ERROR_COUNT)
        abort();
    return (unsigned)place;
}

const char *error_code(enum error error)
{
    return errors[ordinal(error)].code;
}

const char *error_text(enum error error)
{
    return errors[ordinal(error)].text;
}

bool error_blames_client(enum error error)
{
    return errors[ordinal(error)].blames;
}

int error_status(enum error error)
{
    return errors[ordinal(error)].status;
}

const char *error_detail(enum error error)
{
    const char *detail = errors[ordinal(error)].detail;
    return detail ? detail : error_text(error);
}
