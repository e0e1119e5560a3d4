/* The web's client under test. One thread. A reply is taken from the bytes of `struct client`,
 * which tests/support/server.c receives. */
#include "tests/support/web.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct web_reply reply;

struct client *web_client(struct server *server)
{
    return server_connect_http(server, "0.0.0.0");
}

/* ---- requests ---- */

void web_send(struct client *client, const char *format, ...)
{
    char bytes[32 * 1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(bytes, sizeof bytes, format, arguments);
    va_end(arguments);
    ck_assert(len >= 0 && (size_t)len < sizeof bytes);
    client_write(client, bytes, (size_t)len);
}

void web_ask(struct client *client, const char *method, const char *target, const char *fields)
{
    web_send(client, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target, fields);
}

void web_post(struct client *client, const char *target, const char *type, const char *fields,
              const char *body)
{
    web_send(client,
             "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: %s\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             target, fields, type, strlen(body), body);
}

/* ---- replies ---- */

static void receive_more(struct client *client)
{
    struct pollfd wanted = {.fd = client->fd, .events = POLLIN};
    ck_assert_msg(!client->ended, "the server closed in the middle of a reply");
    ck_assert_msg(poll(&wanted, 1, SERVER_DEADLINE_S * 1000) == 1, "nothing came");
    client_receive(client);
}

/* Takes a line of the head, which CR LF ends; without them. */
static char *take_line(struct client *client, char *at)
{
    const char *line = client_line(client);
    size_t len = strlen(line);
    ck_assert_msg(len > 0 && line[len - 1] == '\r', "'%s' does not end in CR LF", line);
    ck_assert_uint_lt((size_t)(at - reply.head) + len, sizeof reply.head);
    memcpy(at, line, len);
    at[len - 1] = '\0';
    return at + len;
}

static void add_field(char *line)
{
    assert_match(line, "^[A-Za-z-]+: [^[:cntrl:]]+$");
    char *colon = strchr(line, ':');
    *colon = '\0';
    ck_assert_uint_lt(reply.fields, WEB_FIELDS_MAX);
    ck_assert_msg(web_field(&reply, line) == NULL || strcmp(line, "Vary") == 0, "%s comes twice",
                  line);
    reply.names[reply.fields] = line;
    reply.values[reply.fields++] = colon + 2;
}

static void take_head(struct client *client)
{
    char *line = reply.head, *next = take_line(client, line);
    assert_match(line, "^HTTP/1\\.1 [2-5][0-9][0-9] [A-Z][A-Za-z ]+$");
    reply.status = atoi(line + strlen("HTTP/1.1 "));
    reply.fields = 0;
    for (line = next; (next = take_line(client, line)) - line > 1; line = next)
        add_field(line);
    ck_assert_ptr_nonnull(web_field(&reply, "Date"));
    ck_assert_str_eq(web_field(&reply, "X-Content-Type-Options"), "nosniff");
    ck_assert_ptr_nonnull(web_field(&reply, "Cache-Control"));
}

static void take_body(struct client *client, size_t len)
{
    while (client->end - client->begin < len)
        receive_more(client);
    free(reply.body);
    reply.body = malloc(len + 1);
    ck_assert_ptr_nonnull(reply.body);
    memcpy(reply.body, client->bytes + client->begin, len);
    reply.body[len] = '\0';
    reply.len = len;
    client->begin += len;
}

/* What says how long the body is: there is always one way to know. */
static size_t body_len(void)
{
    const char *length = web_field(&reply, "Content-Length");
    if (reply.status == 204 || reply.status == 304) {
        ck_assert_ptr_null(length);
        return 0;
    }
    ck_assert_msg(length, "a reply without a length");
    assert_match(length, "^(0|[1-9][0-9]*)$");
    return strtoul(length, NULL, 10);
}

const struct web_reply *web_head(struct client *client)
{
    take_head(client);
    take_body(client, 0);
    return &reply;
}

const struct web_reply *web_take(struct client *client)
{
    take_head(client);
    take_body(client, body_len());
    return &reply;
}

const struct web_reply *web_expect(struct client *client, int status)
{
    web_take(client);
    ck_assert_msg(reply.status == status, "%d and not %d: %s", reply.status, status, reply.body);
    return &reply;
}

const char *web_field(const struct web_reply *of, const char *name)
{
    for (unsigned i = 0; i < of->fields; i++)
        if (strcasecmp(of->names[i], name) == 0)
            return of->values[i];
    return NULL;
}

const struct web_reply *web_get(struct client *client, const char *target)
{
    web_ask(client, "GET", target, "");
    return web_take(client);
}
