/* Routes: what can be asked of the web, and the functions that answer it, from routes.def. Worker's
 * thread. */
#ifndef TALLYCAST_WEB_ROUTE_H
#define TALLYCAST_WEB_ROUTE_H

#include "proto/http.h"
#include "web/web_reply.h"
#include "web/web_session.h"

/* The request as its route sees it. */
struct web_call {
    const struct http_request *request;
    struct span name; /* the part of the path where the route has `*`; at is NULL for none */
};

/* Executes a request; nothing of the connection is in flight. */
typedef enum web_result web_execute(struct web_session *session, const struct web_call *call);

#define ROUTE(methods, path, type, execute) web_execute execute;
#include "web/routes.def"
#undef ROUTE

/* Whether it asks how the server is: that is answered whoever is one too many. */
bool web_route_is_probe(const struct http_request *request);

/* Has the route of a request execute it, or refuses it. */
enum web_result web_route(struct web_session *session, const struct http_request *request);

#endif
