/* Who may ask, and who votes. Worker's thread. */
#ifndef TALLYCAST_WEB_GUARD_H
#define TALLYCAST_WEB_GUARD_H

#include "proto/http.h"
#include "web/web_session.h"

/* Whether the request names this server: 0, or the status of the refusal with *why set. */
int web_guard_host(const struct web_session *session, const struct http_request *request,
                   const char **why);

/* Whether a request that changes something comes from a page of this server, or from no page. */
bool web_guard_is_own_origin(const struct web_session *session, const struct http_request *request);

/* Why it is not, for a person. */
enum { WEB_GUARD_TEXT_MAX = 512 };
void web_guard_describe_origin(const struct web_session *session,
                               const struct http_request *request, char text[WEB_GUARD_TEXT_MAX]);

/* The host and port that the browser asked for, as far as a trusted proxy tells, and whether it
 * asked by https: what links, cookies and QR codes go by. at is NULL if neither says. */
struct span web_guard_asked_host(const struct web_session *session,
                                 const struct http_request *request);
bool web_guard_is_https(const struct web_session *session, const struct http_request *request);

/* Whether a page is asked for to be looked at, and not to be a part of another site's, as far as
 * the browser tells: then it has sent the cookies that it has for this server. */
bool web_guard_is_navigation(const struct http_request *request);

/* Whether --cors lets the request's origin read the reply. */
bool web_guard_is_cors(const struct web_session *session, const struct http_request *request);

/* The address that votes where voters=address: the peer's, or the one that a trusted proxy names.
 * Returns its length, or 0 if the proxy does not tell, which is logged once. */
size_t web_guard_address(const struct web_session *session, const struct http_request *request,
                         char text[PEER_TEXT_MAX]);

#endif
