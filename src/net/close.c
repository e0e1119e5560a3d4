/* The list of reasons why connections end. */
#include "net/close.h"

#include <errno.h>

static const struct {
    const char *word;
    const char *text;
    bool is_error;
} reasons[CLOSE_REASONS] = {
    [CLOSE_NONE] = {"none", "it is open", false},
#define CLOSE(identifier, word, is_error, text) [CLOSE_##identifier] = {#word, text, is_error},
#include "net/close.def"
#undef CLOSE
};

const char *close_word(enum close_reason reason)
{
    return reasons[reason].word;
}

const char *close_text(enum close_reason reason)
{
    return reasons[reason].text;
}

bool close_is_error(enum close_reason reason)
{
    return reasons[reason].is_error;
}

enum close_reason close_of_errno(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        return CLOSE_RESET;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return CLOSE_LOST;
    default:
        return CLOSE_FAILED;
    }
}
