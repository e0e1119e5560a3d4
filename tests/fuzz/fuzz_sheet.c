/* Fuzzes the reader of the ledger's sheets (libFuzzer). Whatever the bytes, nothing outside them is
 * read; and what is taken is what a writer makes of its entries: one sheet of the same bytes. */
#include "proto/sheet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sheet_builder builder;
static struct sheet_reader reader;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Whether all entries are taken; each is then in the builder's one sheet. */
static bool write_again(const struct sheet *sheet)
{
    sheet_read_begin(&reader, sheet);
    for (unsigned i = 0; i < sheet->entries; i++) {
        struct entry entry;
        memset(&entry, 0xa5, sizeof entry);
        if (!sheet_read(&reader, &entry))
            return false;
        require(entry.seq >= 1 && entry.seq <= ENTRY_SEQ_MAX);
        if (i == 0)
            sheet_begin(&builder, &entry);
        else
            require(sheet_append(&builder, &entry));
    }
    return true;
}

static const uint8_t *require_next(const uint8_t *bytes, const unsigned char *expected, size_t len)
{
    require(memcmp(bytes, expected, len) == 0);
    return bytes + len;
}

static void require_same(const struct sheet *sheet, const uint8_t *bytes, size_t len)
{
    unsigned char head[SHEET_HEAD_BYTES];
    sheet_put_head(sheet, head);
    require(len == sizeof head + sheet->body_len + sheet->marks_len);
    bytes = require_next(bytes, head, sizeof head);
    bytes = require_next(bytes, sheet->body, sheet->body_len);
    require_next(bytes, sheet->marks, sheet->marks_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sheet sheet;
    uint8_t *bytes = malloc(size ? size : 1); /* exact: the sanitizer sees a step beyond it */
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    if (sheet_parse(bytes, size, &sheet) && write_again(&sheet))
        require_same(&builder.sheet, bytes, size);
    free(bytes);
    return 0;
}
