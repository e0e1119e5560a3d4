/* Pages from templates: a subset of mustache over jansson's values.
 *
 *   {{name}}               the value, escaped for HTML's text and quoted attributes
 *   {{#name}}…{{/name}}    once for each element of an array; else once, unless the value is false,
 *                          null or an empty string
 *   {{^name}}…{{/name}}    once where {{#name}} has nothing to show
 *   {{>name.html}}         the template of that name (asset.h), with the same values
 *   {{!words}}             nothing: a remark
 *
 * Names are looked up first in the array's element or object, then in whatever is around it. No
 * form leaves a value unescaped, so no value can become markup. */
#ifndef TALLYCAST_TEMPLATE_H
#define TALLYCAST_TEMPLATE_H

#include "base/buffer.h"
#include "proto/span.h"

#include <jansson.h>

/* TEMPLATE_BROKEN: a name that the data lacks, a value that is no text or number, a template that
 * there is not, or sections that don't match. It is a mistake in the template, or in its data; the
 * log says where. */
enum template_result { TEMPLATE_NO_MEMORY = -1, TEMPLATE_BROKEN = -2 };

/* A text with a section: the parts before, in and behind it. */
struct template_parts {
    struct span before, inside, after;
};

/* Takes a text apart at its first section `{{#name}}` that is in no other section. Returns 0, or
 * TEMPLATE_BROKEN if there is none. Any thread. */
int template_split(struct span text, const char *name, struct template_parts *parts)
    __attribute__((warn_unused_result));

/* Appends the text with its tags filled from `data`, an object. Returns 0, or an enum
 * template_result with `out` as it was. Any thread. */
int template_render(struct buffer *out, struct span text, const json_t *data)
    __attribute__((warn_unused_result));

#endif
