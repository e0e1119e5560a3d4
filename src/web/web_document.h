/* Documents: replies that depend on nothing but what the server shows, and so are the same for
 * everybody: polls, and lists of them. A reader that has the newest one is told so, and the
 * document is not made again. Lists are compressed at most ten times a second, however many ask.
 *
 * Worker's thread, but where said. */
#ifndef TALLYCAST_WEB_DOCUMENT_H
#define TALLYCAST_WEB_DOCUMENT_H

#include "base/buffer.h"
#include "web/web_reply.h"
#include "web/web_call.h"

#include <stdint.h>

/* The documents of which a server keeps the compressed form. */
enum web_kept { WEB_KEPT_NONE, WEB_KEPT_INDEX, WEB_KEPT_POLLS, WEB_KEPT_COUNT };

/* A store of them, shared by all workers. NULL if memory is short. Before the threads start, and
 * after their end. */
struct web_store *web_store_new(void);
void web_store_free(struct web_store *store);

struct web_document {
    const char *type;
    bool page; /* is shown by a browser */
    enum web_kept
        kept;     /* where its compressed form is kept; documents there differ in version only */
    uint64_t seq; /* of the latest entry that it shows; begins its ETag */
    uint64_t version; /* a hash of all that it depends on */
    /* Appends it. Returns 0 or an enum template_result, with `out` as it was. */
    int (*render)(struct buffer *out, const void *context);
    const void *context;
};

/* Replies with a document, with its compressed form, or with a note that the reader has it; if the
 * request is gone, so `call` is NULL, with the document. */
enum web_result web_reply_document(struct web_session *session, const struct web_call *call,
                                   const struct web_document *document);

#endif
