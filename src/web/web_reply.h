/* Replies of the web: their heads, their bodies, and refusals as problems (RFC 9457) or pages.
 * Worker's thread. */
#ifndef TALLYCAST_WEB_REPLY_H
#define TALLYCAST_WEB_REPLY_H

#include "base/buffer.h"
#include "proto/error.h"
#include "web/page.h"
#include "web/web_session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_JSON "application/json"

/* The outcome of executing a request. */
enum web_result {
    WEB_REPLIED,
    WEB_ASKED, /* the ledger will answer */
    WEB_WAITS, /* not executed: the connection is paused, and the request will be read again */
};

/* A reply. A member that is NULL or 0 is left out. */
struct web_response {
    int status;
    const char *type;
    const char *body;
    size_t len;
    const char *etag;
    const char *encoding;
    const char *location;
    const char *allow;
    const char *cache;   /* Cache-Control; NULL is no-store */
    bool retries;        /* may be asked again in a second */
    bool page;           /* shown by a browser: has the fields that restrain scripts */
    bool varies_by_kind; /* the reply depends on Accept */
    bool endless;        /* its body has no length: it ends with the connection */
};

/* A refusal's contents. A member that is NULL or 0 is left out. */
struct web_refusal {
    int status;
    const char *code; /* by which programs know it: the line protocol's, or of the web alone */
    uint64_t seq;
    const char *detail;
    const char *allow;
};

/* The place of a page that answers the present request. `root` gets the relative path from the
 * request's path to the server's own: `../` once for each level. */
enum { WEB_ROOT_SIZE = 3 * UINT8_MAX + 1 };
struct page_place web_place(const struct web_session *session, char root[WEB_ROOT_SIZE]);

/* Replies; nothing of `response` is owned. */
enum web_result web_reply(struct web_session *session, const struct web_response *response);

/* Replies with the contents of `body`, and frees it. `failed` says that memory was short for it. */
enum web_result web_reply_buffer(struct web_session *session, struct web_response *response,
                                 struct buffer *body, bool failed);

/* Refuses with a problem or, if a browser's form asked, with a page. */
enum web_result web_refuse_as(struct web_session *session, const struct web_refusal *refusal);

/* The same for an error of the line protocol. A NULL detail stands for the error's own. */
enum web_result web_refuse(struct web_session *session, enum error error, uint64_t seq,
                           const char *detail);

/* The same for a refusal that is no error of the line protocol. */
enum web_result web_refuse_status(struct web_session *session, int status, const char *detail);

#endif
