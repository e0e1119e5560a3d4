/* `backup`: a copy of the database under a name of the caller's, whole before it gets that name. */
#include "base/file.h"
#include "tools/tallyctl/copy.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static enum status refuse(const char *file)
{
    if (errno == EEXIST)
        output_error("%s: there is a file of that name already, and it stays", file);
    else
        output_error("%s: %s", file, strerror(errno));
    return STATUS_REFUSED;
}

/* Gives the copy its name, for good. */
static enum status give_name(struct copy *copy, const char *file)
{
    if (file_give_name(copy->path, file) != 0)
        return refuse(file);
    copy->path[0] = '\0';
    if (file_sync_directory(file) == 0)
        return STATUS_DONE;
    enum status status = refuse(file);
    unlink(file); /* the name might not outlast the machine */
    return status;
}

static void print_bytes(const struct invocation *invocation, uint64_t bytes)
{
    if (invocation->json)
        output_json(json_pack("{s:I}", "bytes", (json_int_t)bytes));
    else
        printf("%" PRIu64 "\n", bytes);
}

enum status command_backup(const struct invocation *invocation)
{
    struct copy copy;
    const char *file = invocation->argv[0];
    errno = EEXIST;
    if (access(file, F_OK) == 0 || errno != ENOENT)
        return refuse(file);
    enum status status = copy_make(invocation, file, &copy);
    if (status == STATUS_DONE)
        status = give_name(&copy, file);
    if (status == STATUS_DONE)
        print_bytes(invocation, copy.bytes);
    enum status removed = copy_remove(&copy);
    return status == STATUS_DONE ? removed : status;
}
