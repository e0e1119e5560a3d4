/* The guard of the web: which requests are answered, and which address votes. Worker's thread. */
#ifndef TALLYCAST_WEB_GUARD_H
#define TALLYCAST_WEB_GUARD_H

#include "proto/http.h"
#include "web/web_session.h"

/* Whether the request names this server: 0, or the status of the refusal with *why set. */
int web_guard_host(const struct web_session *session, const struct http_request *request,
                   const char **why);

/* Whether a request that changes something comes from a page of this server, or from no page. */
bool web_guard_is_own_origin(const struct web_session *session, const struct http_request *request);

/* The reason, for a person, why it does not. */
enum { WEB_GUARD_TEXT_MAX = 512 };
void web_guard_describe_origin(const struct web_session *session,
                               const struct http_request *request, char text[WEB_GUARD_TEXT_MAX]);

/* Whether the peer is a trusted proxy, whose connection carries many browsers' requests. */
bool web_guard_is_proxy(const struct web_session *session);

/* The host and port that the browser asked for, and whether it asked by https, as Host or a trusted
 * proxy tells. Links, cookies and QR codes go by this. at is NULL if neither tells. */
struct span web_guard_asked_host(const struct web_session *session,
                                 const struct http_request *request);
bool web_guard_is_https(const struct web_session *session, const struct http_request *request);

/* Whether the browser asks for a page to show it, and not as a part of another site's page, as far
 * as the browser tells. Then it has sent its cookies for this server. */
bool web_guard_is_navigation(const struct http_request *request);

/* Whether --cors lets the request's origin read the reply. */
bool web_guard_is_cors(const struct web_session *session, const struct http_request *request);

/* The address that asks: the peer's, or the one that a trusted proxy names. Returns false if the
 * proxy names none. */
bool web_guard_asker(const struct web_session *session, const struct http_request *request,
                     struct in6_addr *address);

/* The address that votes if voters=address: the peer's, or the one that a trusted proxy names.
 * Returns its length, or 0 if the proxy names none, which is logged once. */
size_t web_guard_address(const struct web_session *session, const struct http_request *request,
                         char text[PEER_TEXT_MAX]);

#endif
