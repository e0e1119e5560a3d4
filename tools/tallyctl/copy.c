/* A temporary backup. Happy path: a name that nobody uses, BACKUP, and its reply. The file is
 * removed as soon as it is open (its reader keeps it), so it stands under its name hardly longer
 * than the server writes it. */
#include "tools/tallyctl/copy.h"

#include "tools/tallyctl/client.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"
#include "tools/lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { RANDOM_BYTES = 8 };

/* The server must not find a file of this name, nor may anybody guess it. */
static enum status choose_path(const char *admin, struct copy *copy)
{
    unsigned char random[RANDOM_BYTES];
    char hex[TEXT_HEX_SIZE(RANDOM_BYTES)];
    char *socket_path = realpath(admin, NULL);
    if (!socket_path || getrandom(random, sizeof(random), 0) != sizeof(random)) {
        output_error("%s: %s", admin, strerror(errno));
        free(socket_path);
        return STATUS_NO_CONNECTION;
    }
    int directory_len = (int)(strrchr(socket_path, '/') - socket_path);
    text_hex(random, sizeof(random), hex);
    int len = snprintf(copy->path, sizeof(copy->path), "%.*s/.tallyctl-%s.backup", directory_len,
                       socket_path, hex);
    free(socket_path);
    if (len < 0 || (size_t)len >= sizeof(copy->path)) {
        copy->path[0] = '\0';
        output_error("%s: the path is too long", admin);
        return STATUS_USAGE;
    }
    return STATUS_DONE;
}

/* Waits for the reply through a first signal, but not through a second one. */
static enum status wait_for_reply(struct client *client, struct reply *reply)
{
    bool was_signalled = false;
    for (;;) {
        enum status status = client_read(client, CLIENT_NO_DEADLINE, reply);
        if (status == STATUS_DONE)
            return was_signalled ? STATUS_INTERRUPTED : STATUS_DONE;
        if (status != STATUS_INTERRUPTED)
            return status;
        if (!interrupt_is_fatal(interrupt_take()))
            continue;
        if (was_signalled) {
            output_error("the server may yet leave its backup behind");
            return STATUS_INTERRUPTED;
        }
        output_error("stopping once the server's backup is written and removed (again: at once)");
        was_signalled = true;
    }
}

static enum status ask_backup(struct client *client, const struct copy *copy)
{
    struct request request;
    struct reply reply;
    request_start(&request, "BACKUP");
    enum status status = request_text(&request, copy->path);
    if (status == STATUS_DONE)
        status = client_send(client, &request);
    if (status == STATUS_DONE)
        status = wait_for_reply(client, &reply);
    if (status == STATUS_DONE && reply.kind != REPLY_OK)
        status = client_refused(&reply, NULL);
    return status;
}

enum status copy_make(const char *admin, struct copy *copy)
{
    struct client *client;
    copy->path[0] = '\0';
    enum status status = client_open(admin, &client);
    if (status != STATUS_DONE)
        return status;
    status = choose_path(admin, copy);
    if (status == STATUS_DONE) {
        interrupt_catch(false);
        status = ask_backup(client, copy);
    }
    client_close(client);
    return status;
}

enum status copy_remove(struct copy *copy)
{
    enum status status = STATUS_DONE;
    if (copy->path[0] && unlink(copy->path) != 0 && errno != ENOENT) {
        output_error("%s: can't be removed: %s", copy->path, strerror(errno));
        status = STATUS_REFUSED;
    }
    copy->path[0] = '\0';
    interrupt_release();
    return status;
}
