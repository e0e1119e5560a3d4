/* Voters as keyed hashes, and the key's file. Hashing is pure and for any thread; the key's file is
 * read or made once, by the main thread at start.
 *
 * The hashed message: one byte for the kind, then for a voter or an id= the poll in 4 bytes,
 * big-endian, then the name's bytes. So no two kinds, polls or names give the same message. This is
 * durable: the database holds these hashes, and they must never change.
 *
 * The key's file can be missing, damaged, unreadable or unwritable; each error names the file. */
#include "poll/voter.h"

#include "base/big_endian.h"
#include "base/file.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/partial.h"
#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KIND_KEY_CHECK = 0, /* beside enum voter_hash_kind */
    PREFIX_BYTES = 5,
    KEY_HEX_DIGITS = 2 * VOTER_KEY_BYTES,
    KEY_TEXT_MAX = 128, /* with what an editor may add */
};

_Static_assert(crypto_shorthash_siphashx24_BYTES == HASH_BYTES, "SipHash gives 128 bits");
_Static_assert(crypto_shorthash_siphashx24_KEYBYTES == VOTER_KEY_BYTES, "SipHash's key fits");

static struct hash hash_message(const struct voter_key *key, const unsigned char *message,
                                size_t len)
{
    unsigned char bytes[HASH_BYTES];
    crypto_shorthash_siphashx24(bytes, message, len, key->bytes);
    return hash_from_bytes(bytes);
}

struct hash voter_hash(const struct voter_key *key, enum voter_hash_kind kind, uint32_t poll,
                       const char *name, size_t len)
{
    unsigned char message[PREFIX_BYTES + PROTO_VOTER_MAX];
    INVARIANT(len <= PROTO_VOTER_MAX);
    message[0] = (unsigned char)kind;
    big_endian_put(message + 1, poll, 4);
    memcpy(message + PREFIX_BYTES, name, len);
    return hash_message(key, message, PREFIX_BYTES + len);
}

struct hash voter_key_check(const struct voter_key *key)
{
    static const char text[] = {KIND_KEY_CHECK, 't', 'a', 'l', 'l', 'y', 'c', 'a', 's', 't'};
    return hash_message(key, (const unsigned char *)text, sizeof text);
}

/* Reads until the buffer is full or the file ends. Returns the bytes read, or -1 with errno set. */
static ssize_t read_fully(int fd, char *buffer, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, buffer + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* The digits may have gone through an editor, perhaps on another system: a byte order mark may
 * stand before them, and blanks and any line ending around them. */
static bool key_from_text(const char *text, size_t len, struct voter_key *key)
{
    static const char mark[] = "\xef\xbb\xbf", blanks[] = " \t\r\n";
    const char *end = text + len;
    if (len >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0)
        text += sizeof mark - 1;
    while (text < end && memchr(blanks, *text, sizeof blanks - 1))
        text++;
    while (text < end && memchr(blanks, end[-1], sizeof blanks - 1))
        end--;
    size_t key_bytes;
    const char *read_to;
    return end - text == KEY_HEX_DIGITS &&
           sodium_hex2bin(key->bytes, VOTER_KEY_BYTES, text, KEY_HEX_DIGITS, NULL, &key_bytes,
                          &read_to) == 0 &&
           key_bytes == VOTER_KEY_BYTES && read_to == end;
}

/* Refuses anything but a regular file, and warns if others may read the key. Returns 0, or -1 with
 * errno set. */
static int judge_file(int fd, const char *path)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -1;
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        log_warning("the key file is open to others than its owner: chmod 600 %s mode=%03o", path,
                    (unsigned)status.st_mode & 0777);
    return 0;
}

/* Reads the file into `text`. Returns its length, at most `size`; or -1 with errno set. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO does not block */
    if (fd < 0)
        return -1;
    ssize_t len = judge_file(fd, path) == 0 ? read_fully(fd, text, size) : -1;
    int error = errno;
    close(fd);
    errno = error;
    return len;
}

enum voter_key_result voter_key_read(const char *path, struct voter_key *key, char *why,
                                     size_t why_size)
{
    char text[KEY_TEXT_MAX + 1]; /* one byte more than allowed, to notice it */
    ssize_t len = read_file(path, text, sizeof text);
    if (len < 0 && errno == ENOENT)
        return VOTER_KEY_MISSING;
    enum voter_key_result result = VOTER_KEY_FAILED;
    if (len < 0)
        snprintf(why, why_size, "can't read the key file %s: %s", path,
                 errno == EINVAL ? "not a regular file" : strerror(errno));
    else if (len > KEY_TEXT_MAX || !key_from_text(text, (size_t)len, key))
        snprintf(why, why_size, "the key file %s is damaged: it must hold %d hexadecimal digits",
                 path, KEY_HEX_DIGITS);
    else
        result = VOTER_KEY_READ;
    sodium_memzero(text, sizeof text);
    return result;
}

/* Writes the key to the new file. Returns 0, or -1 with errno set. */
static int write_key(struct partial *partial, const struct voter_key *key)
{
    char text[KEY_HEX_DIGITS + 1];
    sodium_bin2hex(text, sizeof text, key->bytes, VOTER_KEY_BYTES);
    text[KEY_HEX_DIGITS] = '\n'; /* in place of the NUL */
    int result = file_write(partial->file, text, sizeof text);
    sodium_memzero(text, sizeof text);
    if (result == 0)
        result = fsync(partial->file);
    int error = errno;
    if (partial_close(partial) != 0 && result == 0)
        return -1;
    errno = error;
    return result;
}

/* Makes the key's file, whole. Returns 0, or -1 with errno set and none made. */
static int make_file(const char *path, const struct voter_key *key)
{
    struct partial partial;
    if (partial_make(&partial, path) != 0)
        return -1;
    int result = write_key(&partial, key);
    failpoint(FAILPOINT_START_KEY_WRITTEN);
    if (result == 0)
        result = partial_give_name(&partial, path);
    partial_drop(&partial);
    return result;
}

int voter_key_create(const char *path, struct voter_key *key, char *why, size_t why_size)
{
    if (getrandom(key->bytes, sizeof key->bytes, 0) != (ssize_t)sizeof key->bytes) {
        snprintf(why, why_size, "can't make a random key for %s: %s", path, strerror(errno));
        return -1;
    }
    return voter_key_write(path, key, why, why_size);
}

int voter_key_write(const char *path, const struct voter_key *key, char *why, size_t why_size)
{
    if (make_file(path, key) != 0) {
        snprintf(why, why_size, "can't make the key file %s: %s", path, strerror(errno));
        return -1;
    }
    if (file_sync_directory(path) == 0)
        return 0;
    snprintf(why, why_size, "can't sync the directory of the key file %s: %s", path,
             strerror(errno));
    return -1;
}
