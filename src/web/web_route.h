/* Routes: the requests that the web answers, and the functions that answer them, from routes.def.
 * Worker's thread. */
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

/* Whether a request asks for the server's health: it is answered even over the limit of
 * connections. */
bool web_route_is_probe(const struct http_request *request);

/* Has the route of a request execute it, or refuses it. */
enum web_result web_route(struct web_session *session, const struct http_request *request);

#endif
