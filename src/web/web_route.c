/* The table of routes. Runs on the thread of the worker that owns the connection. */
#include "web/web_route.h"

#include "proto/ascii.h"
#include "proto/http_value.h"
#include "web/web_call.h"
#include "web/web_polls.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define NOT_HERE "there is nothing at this address; the polls are at /"

enum { GET_ = 1 << HTTP_GET | 1 << HTTP_HEAD, POST_ = 1 << HTTP_POST };

static const struct web_route {
    unsigned methods; /* bits by enum http_method */
    const char *path;
    const char *type; /* of its replies; NULL if Accept does not matter */
    web_execute *execute;
} routes[] = {
#define ROUTE(methods, path, type, execute) {methods, path, type, execute},
#include "web/routes.def"
#undef ROUTE
};

static bool is_same(char a, char b)
{
    return a == b;
}

static bool is_same_letter(char a, char b)
{
    return ascii_fold(a) == ascii_fold(b);
}

/* Whether a path matches a route's, where `same` compares characters. If so, *name is the part
 * where the route has `*`. */
static bool path_matches(const char *pattern, struct span path, bool (*same)(char a, char b),
                         struct span *name)
{
    const char *at = path.at, *end = path.at + path.len;
    *name = (struct span){0};
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at == end || !same(*at++, *pattern))
                return false;
            continue;
        }
        name->at = at;
        while (at < end && *at != '/')
            at++;
        name->len = (size_t)(at - name->at);
    }
    return at == end;
}

/* The route of a path, or NULL. */
static const struct web_route *find_route(struct span path, bool (*same)(char a, char b),
                                          struct span *name)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (path_matches(routes[i].path, path, same, name))
            return &routes[i];
    return NULL;
}

struct web_found web_route_find(const struct http_request *request)
{
    struct web_found found = {NULL, {NULL, 0}};
    if (request->path.at)
        found.route = find_route(request->path, is_same, &found.name);
    return found;
}

bool web_route_is_probe(const struct web_found *found)
{
    return found->route &&
           (found->route->execute == web_healthz || found->route->execute == web_readyz);
}

bool web_route_is_urgent(const struct web_found *found, const struct http_request *request)
{
    bool is_ballot =
        found->route && found->route->execute == web_vote && request->method == HTTP_POST;
    return is_ballot || web_route_is_probe(found);
}

static const char *allowed_methods(unsigned methods)
{
    return methods & 1 << HTTP_POST ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

/* Replies with the methods of a path. A browser asks for them before it lets a page of another
 * origin use one. */
static enum web_result take_options(struct web_session *session, unsigned methods)
{
    const struct web_response response = {.status = 204, .allow = allowed_methods(methods)};
    return web_reply(session, &response);
}

static enum web_result refuse_method(struct web_session *session, unsigned methods)
{
    const struct web_refusal refusal = {
        .status = 405,
        .detail = "Allow says what may be asked here",
        .allow = allowed_methods(methods),
    };
    return web_refuse_as(session, &refusal);
}

/* ---- paths that are almost right ---- */

enum { LOCATION_MAX = 512 }; /* bytes; longer paths are nobody's */

/* Leads to a path whose parts are the pattern's, with `name` in the place of its `*`. */
static enum web_result lead_to(struct web_session *session, const struct http_request *request,
                               const char *pattern, struct span name)
{
    char root[WEB_ROOT_SIZE], location[LOCATION_MAX];
    struct span query = request->query;
    int before = (int)strcspn(pattern, "*");
    const char *after = pattern[before] ? pattern + before + 1 : "";
    int len = snprintf(location, sizeof location, "%s%.*s%.*s%s%s%.*s",
                       web_place(session, root).root, before, pattern, (int)name.len, name.at,
                       after, query.at ? "?" : "", (int)query.len, query.at);
    if (len >= (int)sizeof location)
        return web_refuse_status(session, 404, NOT_HERE);
    const struct web_response response = {.status = 308, .location = len > 0 ? location : "./"};
    return web_reply(session, &response);
}

/* There is no such path. Whoever has written capitals, or slashes at the end, is led to what he
 * means; so is whoever has written a poll's name alone. */
static enum web_result take_other_path(struct web_session *session,
                                       const struct http_request *request)
{
    struct web_call call = {.request = request};
    struct span path = request->path;
    if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        return web_refuse_status(session, 404, NOT_HERE);
    while (path.len > 1 && path.at[path.len - 1] == '/')
        path.len--;
    const struct web_route *found = find_route(path, is_same_letter, &call.name);
    if (found && found->methods & GET_)
        return lead_to(session, request, found->path + 1, call.name);
    if (path_matches("/*", path, is_same, &call.name) && web_find_poll(session, &call))
        return lead_to(session, request, "p/*", call.name);
    return web_refuse_status(session, 404, NOT_HERE);
}

enum web_result web_route(struct web_session *session, const struct http_request *request,
                          const struct web_found *found)
{
    const struct web_call call = {.request = request, .name = found->name};
    const struct web_route *route = found->route;
    if (!request->path.at) /* OPTIONS * */
        return take_options(session, GET_);
    if (!route)
        return take_other_path(session, request);
    if (request->method == HTTP_OPTIONS)
        return take_options(session, route->methods);
    if (!(route->methods & 1u << request->method))
        return refuse_method(session, route->methods);
    if (route->type && !http_accepts(request->headers[HTTP_HEADER_ACCEPT], route->type))
        return web_refuse_status(session, 406, "what there is has a type that Accept excludes");
    return route->execute(session, &call);
}
