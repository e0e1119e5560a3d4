/* The table of routes. Runs on the thread of the worker that owns the connection. */
#include "web/web_route.h"

#include "proto/http_value.h"

#include <stddef.h>

enum { GET_ = 1 << HTTP_GET | 1 << HTTP_HEAD, POST_ = 1 << HTTP_POST };

static const struct route {
    unsigned methods; /* bits by enum http_method */
    const char *path;
    const char *type; /* of its replies; NULL if Accept does not matter */
    web_execute *execute;
} routes[] = {
#define ROUTE(methods, path, type, execute) {methods, path, type, execute},
#include "web/routes.def"
#undef ROUTE
};

/* Whether a path matches a route's. If so, *name is the part where the route has `*`. */
static bool path_matches(const char *pattern, struct span path, struct span *name)
{
    const char *at = path.at, *end = path.at + path.len;
    *name = (struct span){0};
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at == end || *at++ != *pattern)
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
static const struct route *find_route(struct span path, struct span *name)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (path_matches(routes[i].path, path, name))
            return &routes[i];
    return NULL;
}

bool web_route_is_probe(const struct http_request *request)
{
    struct span name;
    const struct route *found = request->path.at ? find_route(request->path, &name) : NULL;
    return found && (found->execute == web_healthz || found->execute == web_readyz);
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

enum web_result web_route(struct web_session *session, const struct http_request *request)
{
    struct web_call call = {.request = request};
    if (!request->path.at) /* OPTIONS * */
        return take_options(session, GET_);
    const struct route *found = find_route(request->path, &call.name);
    if (!found)
        return web_refuse_status(session, 404, "there is nothing of that name; try /about");
    if (request->method == HTTP_OPTIONS)
        return take_options(session, found->methods);
    if (!(found->methods & 1u << request->method))
        return refuse_method(session, found->methods);
    if (found->type && !http_accepts(request->headers[HTTP_HEADER_ACCEPT], found->type))
        return web_refuse_status(session, 406, "what there is has a type that Accept excludes");
    return found->execute(session, &call);
}
