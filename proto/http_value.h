/* The values that requests carry: forms, cookies, and the lists of header fields (RFC 9110, 6265).
 * Pure functions for any thread; nothing is allocated, and result spans point into the argument
 * spans. */
#ifndef TALLYCAST_PROTO_HTTP_VALUE_H
#define TALLYCAST_PROTO_HTTP_VALUE_H

#include "proto/span.h"

/* Takes the next `name=value` of a form or query off `rest`, both still encoded; the value is empty
 * if there is no `=`. Returns false at the end. */
bool http_next_pair(struct span *rest, struct span *name, struct span *value);

/* Decodes %XX, and `+` as a space if plus_is_space, into `out`, and ends it with a NUL. Returns its
 * length in bytes; -1, with `out` undefined, if a % is not followed by two hexadecimal digits, if
 * it does not fit into `size` bytes with its NUL, or if it holds a NUL itself. The caller must
 * check whether it is text (line_is_text). */
int http_decode(struct span raw, bool plus_is_space, char *out, size_t size);

/* Takes the next cookie of that name (case matters), and all before it, off `rest` of a Cookie
 * field. Returns false, with `value` unchanged, if there is none. */
bool http_next_cookie(struct span *rest, const char *name, struct span *value);

/* Takes the next item of a list, which has commas between its items and no quotes, off `rest`,
 * without the blanks around it. It may be empty: an empty list has one such item. Returns false,
 * with rest->at NULL, behind the last. */
bool http_next_item(struct span *rest, struct span *item);

/* Whether an Accept or Accept-Encoding field takes `type`, "text/html" or "gzip" in lower case: the
 * most exact item decides, and q=0 refuses. An absent Accept takes everything, an absent
 * Accept-Encoding no coding. */
bool http_accepts(struct span header, const char *type);

/* Whether an Accept field names text/html itself, as a browser's navigation does, and prefers it to
 * JSON. */
bool http_prefers_html(struct span accept);

/* Whether a Content-Type is `type` (in lower case), whatever its parameters. */
bool http_type_is(struct span content_type, const char *type);

/* Whether an If-None-Match field is `*` or lists the entity tag, which is given as in an ETag
 * field, with its quotes. The comparison is the weak one. */
bool http_etag_matches(struct span if_none_match, const char *etag);

#endif
