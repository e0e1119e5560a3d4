/* Which form a file has: JSON begins with a brace, BLT with two numbers, and anything else is a
 * table. */
#include "tools/election/election_read.h"

#include "base/buffer.h"
#include "tools/election/ballot_csv.h"
#include "tools/election/blt.h"
#include "tools/election/election_json.h"
#include "tools/lib/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

static int fail(char why[ELECTION_WHY_MAX], const char *reason)
{
    snprintf(why, ELECTION_WHY_MAX, "%s", reason);
    return -1;
}

/* A byte order mark, and white space as JSON has it. */
static bool is_json(const char *text, size_t len)
{
    size_t at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < len && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    return at < len && text[at] == '{';
}

static bool is_utf16(const char *text, size_t len)
{
    return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

static int read_json(struct election *election, const char *text, size_t len,
                     char why[ELECTION_WHY_MAX])
{
    size_t mark = *text == '{' || len < 3 || memcmp(text, "\xef\xbb\xbf", 3) != 0 ? 0 : 3;
    if (len > ELECTION_JSON_MAX)
        return fail(why, "a file of JSON has at most 64 MiB here; BLT and CSV may have more");
    return election_json_read(election, text + mark, len - mark, why);
}

static int read_csv(struct election *election, const char *text, size_t len,
                    char why[ELECTION_WHY_MAX])
{
    const char *reason;
    if (election_settle_kind(election, &reason) != 0)
        return fail(why, reason);
    return ballot_csv_read(election, text, len, why);
}

int election_read(struct election *election, const char *text, size_t len,
                  char why[ELECTION_WHY_MAX])
{
    if (len == 0)
        return fail(why, "the file is empty");
    if (is_utf16(text, len))
        return fail(why, "the file is text in UTF-16; save it as UTF-8");
    if (is_json(text, len))
        return read_json(election, text, len, why);
    if (blt_is(text, len))
        return blt_read(election, text, len, why);
    return read_csv(election, text, len, why);
}

int election_read_file(struct election *election, int fd, char why[ELECTION_WHY_MAX])
{
    struct buffer text = {0};
    ssize_t len = 1;
    while (len > 0 && text.len <= ELECTION_FILE_MAX) {
        char *at = buffer_reserve(&text, READ_BYTES);
        if (!at)
            memory_exhausted();
        do
            len = read(fd, at, READ_BYTES);
        while (len < 0 && errno == EINTR);
        text.len += len > 0 ? (size_t)len : 0;
    }
    int result;
    if (len < 0)
        result = fail(why, strerror(errno));
    else if (text.len > ELECTION_FILE_MAX)
        result = fail(why, "the file has more than 256 MiB");
    else
        result = election_read(election, text.bytes, text.len, why);
    buffer_free(&text);
    return result;
}
