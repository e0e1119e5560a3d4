/* CSV. */
#include "tools/tallyctl/csv.h"

#include "tools/lib/memory.h"
#include "tools/lib/text.h"
#include "tools/tallyctl/output.h"

#include <stdlib.h>
#include <string.h>

static void print_field(const struct invocation *invocation, const char *text)
{
    size_t len = strlen(text);
    char *quoted = must_calloc(TEXT_CSV_SIZE(len), 1);
    output_text(stdout, quoted, text_csv(text, len, invocation->raw, quoted));
    free(quoted);
}

void csv_row(const struct invocation *invocation, const char *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_field(invocation, fields[i] ? fields[i] : "");
        fputs(i == count - 1 ? "\r\n" : ",", stdout);
    }
}

void csv_begin(const struct invocation *invocation)
{
    if (invocation->bom)
        fputs("\xef\xbb\xbf", stdout);
}

void csv_heading(const struct invocation *invocation, const char *const *names, size_t count)
{
    csv_begin(invocation);
    csv_row(invocation, names, count);
}
