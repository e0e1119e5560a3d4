/* Copies of the server's database. Happy path: make a new file, pass it with BACKUP, and take the
 * reply, which is believed once the file has the size that it tells. A signal ends the wait at
 * once: the server then goes on writing into a file without a name. */
#include "tools/tallyctl/copy.h"

#include "base/partial.h"

#include "tools/tallyctl/client.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status make_file(const char *prefix, struct copy *copy)
{
    struct partial partial;
    partial_clear(prefix);
    int result = partial_make(&partial, prefix);
    copy->file = partial.file;
    strcpy(copy->path, partial.name);
    if (result == 0)
        return STATUS_DONE;
    output_error("%s: %s", prefix, strerror(errno));
    return STATUS_REFUSED;
}

static enum status judge(const struct copy *copy, const struct reply *reply)
{
    struct stat status;
    if (reply->has_number && fstat(copy->file, &status) == 0 &&
        (uint64_t)status.st_size == reply->number)
        return STATUS_DONE;
    output_error("%s: the server says that it wrote %" PRIu64 " bytes, but they are not there",
                 copy->path, reply->number);
    return STATUS_REFUSED;
}

static enum status fill(struct copy *copy, struct client *client)
{
    struct request request;
    struct reply reply;
    request_start(&request, "BACKUP");
    request.file = copy->file;
    enum status status = request_word(&request, "-");
    if (status == STATUS_DONE)
        status = client_call(client, &request, NULL, NULL, &reply);
    if (status != STATUS_DONE)
        return status;
    copy->bytes = reply.number;
    return judge(copy, &reply);
}

enum status copy_make(const struct invocation *invocation, const char *prefix, struct copy *copy)
{
    struct client *client;
    *copy = (struct copy){.file = -1};
    enum status status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;
    interrupt_catch(false);
    status = make_file(prefix, copy);
    if (status == STATUS_DONE)
        status = fill(copy, client);
    client_close(client);
    return status;
}

enum status copy_make_temporary(const struct invocation *invocation, struct copy *copy)
{
    char prefix[PATH_MAX];
    const char *directory = getenv("TMPDIR");
    snprintf(prefix, sizeof prefix, "%s/tallyctl",
             directory && *directory ? directory : "/var/tmp");
    return copy_make(invocation, prefix, copy);
}

enum status copy_remove(struct copy *copy)
{
    enum status status = STATUS_DONE;
    if (copy->file >= 0)
        close(copy->file);
    if (copy->path[0] && unlink(copy->path) != 0) {
        output_error("%s: can't be removed: %s", copy->path, strerror(errno));
        status = STATUS_REFUSED;
    }
    interrupt_release();
    return status;
}
