/* Lines as bytes (see line.h). Pure functions, for any thread; nothing can fail. */
#include "proto/line.h"

#include "proto/ascii.h"
#include "proto/span.h"

#include <stdint.h>
#include <string.h>

/* ---- characters ---- */

/* Whether eight bytes are printable ASCII. A byte is not printable if the top bit is set in the
 * byte, in the byte less 0x20 (below the space), or in the byte plus 1 (DEL). A carry or borrow
 * starts only at a byte that is already one of these, so it can't make eight good bytes look
 * bad. */
static bool is_printable_chunk(const char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return ((bytes | (bytes - 0x20 * ones) | (bytes + ones)) & 0x80 * ones) == 0;
}

/* The length in bytes of the sequence that a lead byte begins; 0 if it begins none. */
static size_t sequence_len(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >> 5 == 0x6)
        return 2;
    if (lead >> 4 == 0xe)
        return 3;
    return lead >> 3 == 0x1e ? 4 : 0;
}

/* The length in bytes of the character at `at`; 0 if a line may not hold it. */
static size_t character_len(const char *at, size_t room)
{
    /* The least code point of each length: below it the encoding is overlong. For two bytes, the
     * first 32 code points are the C1 controls, so the entry is the least allowed one. */
    static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
    uint8_t lead = (uint8_t)at[0];
    size_t len = sequence_len(lead);
    if (len == 0 || len > room)
        return 0;
    if (len == 1)
        return (lead >= least[1] && lead != 0x7f) || lead == '\t' ? 1 : 0;

    uint32_t code = lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        uint8_t next = (uint8_t)at[i];
        if (next >> 6 != 0x2)
            return 0;
        code = code << 6 | (next & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code >= least[len] && code <= 0x10ffff && !surrogate ? len : 0;
}

bool line_is_text(const char *line, size_t len)
{
    const char *end = line + len;
    while (line < end) {
        size_t room = (size_t)(end - line);
        size_t step = room >= 8 && is_printable_chunk(line) ? 8 : character_len(line, room);
        if (step == 0)
            return false;
        line += step;
    }
    return true;
}

bool line_has_control(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
            return true;
    }
    return false;
}

bool line_is_empty(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!ascii_is_blank(line[i]))
            return false;
    return true;
}

/* ---- other protocols ---- */

static bool begins_as_another(struct span line)
{
    static const char *const beginnings[] = {
        "GET ",   "HEAD ", "POST ", "PUT ",  "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ",
        "TRACE ", "PRI ",  "EHLO ", "HELO ", "LHLO ",   "USER ",    "PROXY ", "SSH-"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        size_t len = strlen(beginnings[i]);
        if (line.len >= len && memcmp(line.at, beginnings[i], len) == 0)
            return true;
    }
    return false;
}

/* Whether the line ends like a request: a capital, `/`, digit, `.`, digit. */
static bool ends_in_version(struct span line)
{
    enum { VERSION_LEN = sizeof "P/1.1" - 1 };
    if (line.len < VERSION_LEN)
        return false;
    const char *version = line.at + line.len - VERSION_LEN;
    return version[0] >= 'A' && version[0] <= 'Z' && version[1] == '/' &&
           ascii_is_digit(version[2]) && version[3] == '.' && ascii_is_digit(version[4]);
}

bool line_is_foreign(const char *line, size_t len)
{
    struct span rest = {line, len};
    while (rest.len > 0 && ascii_is_blank(rest.at[0])) {
        rest.at++;
        rest.len--;
    }
    if (begins_as_another(rest))
        return true;
    while (rest.len > 0 && (ascii_is_blank(rest.at[rest.len - 1]) || rest.at[rest.len - 1] == '\r'))
        rest.len--;
    return ends_in_version(rest);
}
