/* Names made of words that people write: `Anna Müller` becomes `anna-muller`. Pure; any thread. */
#ifndef TALLYCAST_TOOLS_LIB_SLUG_H
#define TALLYCAST_TOOLS_LIB_SLUG_H

#include "proto/name.h"

#include <stddef.h>

/* The name for UTF-8 text: letters of Latin scripts lose their marks and case, apostrophes go,
 * characters that no name may hold become a dash, and the name is cut after PROTO_NAME_MAX bytes.
 * If nothing is left of the text, the name is `fallback`. */
void slug_make(const char *text, size_t len, const char *fallback, struct name *name);

/* Makes the last of `count` names differ from those before it: `ann`, `ann-2`, `ann-3`. */
void slug_make_unique(struct name *names, size_t count);

#endif
