/* Finds the function that answers a request (routes.def). Worker's thread. */
#ifndef TALLYCAST_WEB_ROUTE_H
#define TALLYCAST_WEB_ROUTE_H

#include "proto/http.h"
#include "web/web_reply.h"
#include "web/web_session.h"

/* Whether a request asks for the server's health: it is answered even over the limit of
 * connections. */
bool web_route_is_probe(const struct http_request *request);

/* Has the route of a request execute it, or refuses it. */
enum web_result web_route(struct web_session *session, const struct http_request *request);

#endif
