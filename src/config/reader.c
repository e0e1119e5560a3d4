/* Where a reader stands, and the one line that says what is wrong there. What may go well at the
 * next start is told apart from a mistake, so that whoever starts servers knows whether to try
 * again. */
#include "config/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append_list(struct reader *reader, const char *format, va_list arguments)
{
    size_t len = strlen(reader->text);
    vsnprintf(reader->text + len, READER_ERROR_MAX - len, format, arguments);
}

__attribute__((format(printf, 2, 3))) static void append(struct reader *reader, const char *format,
                                                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_list(reader, format, arguments);
    va_end(arguments);
}

/* Begins an error with the place. */
static void begin(struct reader *reader)
{
    bool in_file = reader->source == FROM_FILE;
    reader->text[0] = '\0';
    if (in_file)
        append(reader, "%s:%u: ", reader->file, reader->line);
    if (reader->option_name != NULL)
        append(reader, "%s%s: ", in_file ? "" : "--", reader->option_name);
}

int reader_fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    begin(reader);
    append_list(reader, format, arguments);
    va_end(arguments);
    return -1;
}

int reader_refuse(struct reader *reader, const char *value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    begin(reader);
    append(reader, "'%.*s' ", READER_SHOWN_MAX, value);
    append_list(reader, format, arguments);
    va_end(arguments);
    return -1;
}

int reader_fail_errno(struct reader *reader, const char *format, ...)
{
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    begin(reader);
    append_list(reader, format, arguments);
    va_end(arguments);
    append(reader, ": %s", strerror(error));
    reader->is_for_now = reader_is_for_now(error);
    return -1;
}

int reader_fail_memory(struct reader *reader)
{
    reader->is_for_now = true;
    return reader_fail(reader, "out of memory");
}

bool reader_is_for_now(int error)
{
    switch (error) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EIO:
    case EINTR:
    case EAGAIN:
    case ESTALE: /* this and the next: the file is on another machine */
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

int reader_shown_len(size_t len)
{
    return len < READER_SHOWN_MAX ? (int)len : READER_SHOWN_MAX;
}
