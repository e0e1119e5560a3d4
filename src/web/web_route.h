/* Finds the function that answers a request (routes.def). Worker's thread. */
#ifndef TALLYCAST_WEB_ROUTE_H
#define TALLYCAST_WEB_ROUTE_H

#include "proto/http.h"
#include "web/web_reply.h"
#include "web/web_session.h"

struct web_route;

/* Where a request's path leads. */
struct web_found {
    const struct web_route *route; /* NULL if there is none */
    struct span name;              /* the part of the path where the route has `*` */
};

struct web_found web_route_find(const struct http_request *request);

/* Whether a request asks for the server's health: it is answered even over the limit of
 * connections. */
bool web_route_is_probe(const struct web_found *found);

/* Whether it waits for nobody: it asks for the server's health, or is a ballot. */
bool web_route_is_urgent(const struct web_found *found, const struct http_request *request);

/* Has the route of a request execute it, or refuses it. */
enum web_result web_route(struct web_session *session, const struct http_request *request,
                          const struct web_found *found);

#endif
