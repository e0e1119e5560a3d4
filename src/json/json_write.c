/* Values → JSON (RFC 8259). Any thread. Memory can be short, nothing else fails. */
#include "json/json_write.h"

#include "proto/number.h"

#include <string.h>

enum { NUMBER_CHARS = 20, ESCAPE_CHARS = 6 };

struct json_writer json_write_begin(struct buffer *out)
{
    return (struct json_writer){.out = out, .begin = out->len};
}

int json_write_finish(struct json_writer *writer)
{
    if (!writer->failed)
        return 0;
    writer->out->len = writer->begin;
    return -1;
}

static void put(struct json_writer *writer, const char *bytes, size_t len)
{
    if (!writer->failed && buffer_append(writer->out, bytes, len) != 0)
        writer->failed = true;
}

/* Writes the comma between a value and the one before it. */
static void begin_value(struct json_writer *writer)
{
    if (writer->follows)
        put(writer, ",", 1);
    writer->follows = true;
}

void json_write_open(struct json_writer *writer, char bracket)
{
    begin_value(writer);
    put(writer, &bracket, 1);
    writer->follows = false;
}

void json_write_close(struct json_writer *writer, char bracket)
{
    put(writer, &bracket, 1);
    writer->follows = true;
}

void json_write_name(struct json_writer *writer, const char *name)
{
    begin_value(writer);
    put(writer, "\"", 1);
    put(writer, name, strlen(name));
    put(writer, "\":", 2);
    writer->follows = false;
}

/* Writes a byte's escape. Returns its length, or 0 if the byte stands for itself. */
static size_t escape(char byte, char text[ESCAPE_CHARS])
{
    static const char digits[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        text[0] = '\\';
        text[1] = byte;
        return 2;
    }
    if ((unsigned char)byte >= ' ')
        return 0;
    memcpy(text, "\\u00", 4);
    text[4] = digits[(unsigned char)byte >> 4];
    text[5] = digits[byte & 15];
    return ESCAPE_CHARS;
}

void json_write_text(struct json_writer *writer, const char *bytes, size_t len)
{
    const char *plain = bytes, *end = bytes + len;
    begin_value(writer);
    put(writer, "\"", 1);
    for (const char *at = bytes; at < end; at++) {
        char text[ESCAPE_CHARS];
        size_t escaped = escape(*at, text);
        if (escaped == 0)
            continue;
        put(writer, plain, (size_t)(at - plain));
        put(writer, text, escaped);
        plain = at + 1;
    }
    put(writer, plain, (size_t)(end - plain));
    put(writer, "\"", 1);
}

void json_write_string(struct json_writer *writer, const char *text)
{
    json_write_text(writer, text, strlen(text));
}

void json_write_number(struct json_writer *writer, uint64_t number)
{
    char digits[NUMBER_CHARS];
    json_write_raw(writer, digits, (size_t)(number_put(digits, number) - digits));
}

void json_write_bool(struct json_writer *writer, bool value)
{
    json_write_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

void json_write_null(struct json_writer *writer)
{
    json_write_raw(writer, "null", 4);
}

void json_write_raw(struct json_writer *writer, const char *bytes, size_t len)
{
    begin_value(writer);
    put(writer, bytes, len);
}
