/* Loading the configuration.
 *
 * The command line is read twice: first for the options that decide how to go on (--help,
 * --config), then, after the file, for everything else, so that it wins. A mistake anywhere, an
 * unreadable file or a lack of memory ends the reading with one line, which names the option, and
 * the file's line if it stood there. */
#include "config/config_load.h"

#include "base/failpoint.h"
#include "config/arguments.h"
#include "config/config_file.h"
#include "config/setters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { ADMIN_PATH_MAX = sizeof((struct sockaddr_un){0}).sun_path - 1 };

static int set_defaults(struct reader *reader)
{
    struct config *config = reader->config;
    option_default_numbers(config);
    config->durability = DURABILITY_DISK;
    config->log_level = LOG_LEVEL_INFO;
    config->listen[config->listen_count++] = config_default_listen;
    config->http_on = true;
    config->http = config_default_http;
    return set_database(reader, "tallycast.db");
}

/* Derives settings that were not given, and checks settings against each other. */
static int complete(struct reader *reader)
{
    struct config *config = reader->config;
    if (config->admin == NULL) {
        size_t size = strlen(config->database) + sizeof ".sock";
        config->admin = malloc(size);
        if (config->admin == NULL)
            return reader_fail_memory(reader);
        snprintf(config->admin, size, "%s.sock", config->database);
    }
    if (strlen(config->admin) > ADMIN_PATH_MAX)
        return reader_fail(
            reader,
            "the admin socket's path has %zu bytes, and the kernel takes %d: give a shorter "
            "one with --admin",
            strlen(config->admin), ADMIN_PATH_MAX);
    return 0;
}

static enum config_outcome failed(const struct reader *reader)
{
    return reader->is_for_now ? CONFIG_FAILED : CONFIG_ERROR;
}

enum config_outcome config_load(struct config *config, int argc, char **argv, char text[HELP_MAX])
{
    struct given given = {.reader = {.config = config, .text = text}};
    *config = (struct config){0};
    text[0] = '\0';
    if (set_defaults(&given.reader) != 0 || arguments_read(&given, argc, argv, true) != 0)
        return failed(&given.reader);
    if (given.flags[OPTION_FLAG_help]) {
        help_write(text);
        return CONFIG_HELP;
    }
    if (given.flags[OPTION_FLAG_version]) {
        snprintf(text, HELP_MAX, "tallycast %s%s\n", PACKAGE_VERSION, FAILPOINT_VERSION);
        return CONFIG_HELP;
    }
    if (config_file_read(&given) != 0 || arguments_read(&given, argc, argv, false) != 0 ||
        complete(&given.reader) != 0)
        return failed(&given.reader);
    return given.flags[OPTION_FLAG_check] ? CONFIG_CHECKED : CONFIG_RUN;
}
