/* Documents and their compressed forms. On the workers' threads: the store's mutex is held to take
 * or to put a pointer; compressing is done outside of it, by one worker at a time.
 *
 * If memory is short for the compressed form, the plain one is sent. */
#include "web/web_document.h"

#include "base/clock.h"
#include "proto/http_value.h"
#include "web/gzip.h"
#include "web/template.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ETAG_MAX = 64 };

/* The least time between two compressions of a list: one takes about a millisecond, while others
 * wait. A list that changed in between is sent uncompressed. */
#define RENEWAL_NS (100 * NS_PER_MS)

/* A compressed body. Immutable and reference-counted. */
struct packed {
    _Atomic unsigned refs;
    uint64_t version;
    struct buffer bytes;
};

struct web_store {
    pthread_mutex_t mutex; /* guards the shelves */
    struct shelf {
        struct packed *packed; /* an owned reference, or NULL */
        uint64_t renewal_ns;   /* the earliest time to make it anew; monotonic */
    } shelves[WEB_KEPT_COUNT];
};

static struct packed *packed_ref(struct packed *packed)
{
    if (packed)
        atomic_fetch_add_explicit(&packed->refs, 1, memory_order_relaxed);
    return packed;
}

static void packed_unref(struct packed *packed)
{
    if (!packed || atomic_fetch_sub_explicit(&packed->refs, 1, memory_order_acq_rel) != 1)
        return;
    buffer_free(&packed->bytes);
    free(packed);
}

struct web_store *web_store_new(void)
{
    struct web_store *store = calloc(1, sizeof *store);
    if (store)
        pthread_mutex_init(&store->mutex, NULL);
    return store;
}

void web_store_free(struct web_store *store)
{
    if (!store)
        return;
    for (int kept = 0; kept < WEB_KEPT_COUNT; kept++)
        packed_unref(store->shelves[kept].packed);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

/* A reference to the compressed form of that version, or NULL. *due is set if the caller must make
 * it: nobody else will, for a while. */
static struct packed *take(struct web_store *store, enum web_kept kept, uint64_t version, bool *due)
{
    struct shelf *shelf = &store->shelves[kept];
    uint64_t now_ns = clock_monotonic_ns();
    struct packed *found = NULL;
    pthread_mutex_lock(&store->mutex);
    if (shelf->packed && shelf->packed->version == version)
        found = packed_ref(shelf->packed);
    *due = !found && now_ns >= shelf->renewal_ns;
    if (*due)
        shelf->renewal_ns = now_ns + RENEWAL_NS;
    pthread_mutex_unlock(&store->mutex);
    return found;
}

/* Keeps the compressed form. */
static void put(struct web_store *store, enum web_kept kept, struct packed *packed)
{
    struct shelf *shelf = &store->shelves[kept];
    pthread_mutex_lock(&store->mutex);
    struct packed *before = shelf->packed;
    shelf->packed = packed_ref(packed);
    pthread_mutex_unlock(&store->mutex);
    packed_unref(before);
}

/* Compresses a body, and keeps it. Returns a reference; NULL if memory is short. */
static struct packed *pack(struct web_store *store, const struct web_document *document,
                           const struct buffer *body)
{
    struct packed *packed = calloc(1, sizeof *packed);
    if (!packed)
        return NULL;
    packed->refs = 1;
    packed->version = document->version;
    if (gzip_append(&packed->bytes, (struct span){body->bytes, body->len}) != 0) {
        packed_unref(packed);
        return NULL;
    }
    put(store, document->kept, packed);
    return packed;
}

static enum web_result reply_packed(struct web_session *session, struct web_response *response,
                                    struct packed *packed)
{
    response->encoding = "gzip";
    response->body = packed->bytes.bytes;
    response->len = packed->bytes.len;
    web_reply(session, response);
    packed_unref(packed);
    return WEB_REPLIED;
}

/* Makes the body, and replies with it, or with its compressed form if that is due. */
static enum web_result reply_made(struct web_session *session, struct web_response *response,
                                  const struct web_document *document, bool due)
{
    struct buffer body = {0};
    int result = document->render(&body, document->context);
    if (result == TEMPLATE_BROKEN)
        return web_refuse_status(session, 500, "the page can't be made; the log says why");
    struct packed *packed = result == 0 && due
                                ? pack(session->client.worker->server->web_store, document, &body)
                                : NULL;
    if (!packed)
        return web_reply_buffer(session, response, &body, result != 0);
    buffer_free(&body);
    return reply_packed(session, response, packed);
}

enum web_result web_reply_document(struct web_session *session, const struct web_call *call,
                                   const struct web_document *document)
{
    static const struct span no_headers[HTTP_HEADER_COUNT];
    const struct span *headers = call ? call->request->headers : no_headers;
    struct web_store *store = session->client.worker->server->web_store;
    char etag[ETAG_MAX];
    struct web_response response = {
        .status = 200,
        .type = document->type,
        .etag = etag,
        .cache = "no-cache",
        .page = document->page,
        .varies_by_kind = document->kept != WEB_KEPT_NONE,
    };
    snprintf(etag, sizeof etag, "W/\"%" PRIu64 "-%016" PRIx64 "\"", document->seq,
             document->version);
    if (http_etag_matches(headers[HTTP_HEADER_IF_NONE_MATCH], etag)) {
        response.status = 304;
        return web_reply(session, &response);
    }
    bool due = false;
    struct packed *packed = NULL;
    if (store && document->kept != WEB_KEPT_NONE &&
        http_accepts(headers[HTTP_HEADER_ACCEPT_ENCODING], "gzip"))
        packed = take(store, document->kept, document->version, &due);
    return packed ? reply_packed(session, &response, packed)
                  : reply_made(session, &response, document, due);
}
