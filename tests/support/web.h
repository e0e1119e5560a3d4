/* A client of the web for the end-to-end tests: sends bytes as they are, and takes whole replies,
 * each of which must be well-formed. Whatever goes wrong fails the test. */
#ifndef TALLYCAST_TESTS_WEB_H
#define TALLYCAST_TESTS_WEB_H

#include "tests/support/server.h"

enum { WEB_FIELDS_MAX = 32, WEB_HEAD_MAX = 4096 };

/* A reply; valid until the next one is taken. */
struct web_reply {
    int status;
    char head[WEB_HEAD_MAX]; /* its lines, without CR LF, each ended by a NUL */
    const char *names[WEB_FIELDS_MAX];
    const char *values[WEB_FIELDS_MAX];
    unsigned fields;
    char *body; /* NUL-terminated */
    size_t len; /* of the body, without that NUL */
};

/* Connects. Freed by client_close, or by server_end. */
struct client *web_client(struct server *server);

/* Sends bytes as they are. */
void web_send(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends `METHOD TARGET` with a Host and more fields, each ended by CR LF; and a POST with a body.
 */
void web_ask(struct client *client, const char *method, const char *target, const char *fields);
void web_post(struct client *client, const char *target, const char *type, const char *fields,
              const char *body);

/* Takes the next reply; of one to HEAD, and of an event stream, only the head. */
const struct web_reply *web_take(struct client *client);
const struct web_reply *web_head(struct client *client);

/* The next reply has this status. */
const struct web_reply *web_expect(struct client *client, int status);

/* The value of a field; NULL if there is none. */
const char *web_field(const struct web_reply *reply, const char *name);

/* Asks and takes the reply. */
const struct web_reply *web_get(struct client *client, const char *target);

#endif
