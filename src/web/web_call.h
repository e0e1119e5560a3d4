/* A call: a request as its route sees it, and the functions that answer the routes (routes.def).
 * Worker's thread. */
#ifndef TALLYCAST_WEB_CALL_H
#define TALLYCAST_WEB_CALL_H

#include "proto/http.h"
#include "web/web_reply.h"
#include "web/web_session.h"

struct web_call {
    const struct http_request *request;
    struct span name; /* the part of the path where the route has `*`; at is NULL for none */
};

/* Executes a request; nothing of the connection is in flight. */
typedef enum web_result web_execute(struct web_session *session, const struct web_call *call);

#define ROUTE(methods, path, type, execute) web_execute execute;
#include "web/routes.def"
#undef ROUTE

#endif
