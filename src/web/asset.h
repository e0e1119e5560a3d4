/* The files of web/, built into the program: those that a browser gets as they are, and the
 * templates of the pages. tools/dev/embed makes them into C at build time. */
#ifndef TALLYCAST_ASSET_H
#define TALLYCAST_ASSET_H

#include "proto/span.h"

#include <stdint.h>

/* A file that a browser gets as it is. Never freed. */
struct asset {
    const char *name; /* in web/, and in the path /web/NAME */
    const char *type; /* Content-Type */
    const char *etag; /* of its content; weak, as both forms share it */
    struct span plain;
    struct span gzip; /* the same, compressed */
};

/* The asset of that name, or NULL. Any thread. */
const struct asset *asset_find(const char *name);

/* The template of that name (a page's: "poll.html"); `at` is NULL if there is none. Any thread. */
struct span asset_template_find(struct span name);

/* The same for one that is in the program. */
struct span asset_template(const char *name);

/* The lists that the build made. Both end with an entry whose name is NULL. */
struct asset_template {
    const char *name;
    struct span text;
};
extern const struct asset assets[];
extern const struct asset_template asset_templates[];

/* A hash over all templates: it changes with any of them. */
extern const uint64_t asset_templates_hash;

#endif
