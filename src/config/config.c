/* What a configuration owns. */
#include "config/config.h"

#include <stdlib.h>

const struct config_address config_default_listen = {"127.0.0.1", 9000};
const struct config_address config_default_http = {"127.0.0.1", 3000};

void config_forget_listen(struct config *config)
{
    config->listen_count = 0;
}

void config_forget_http_host(struct config *config)
{
    for (size_t i = 0; i < config->http_host_count; i++)
        free(config->http_hosts[i]);
    config->http_host_count = 0;
}

void config_forget_trusted_proxy(struct config *config)
{
    config->proxies.count = 0;
}

void config_forget_poll(struct config *config)
{
    for (size_t i = 0; i < config->poll_count; i++)
        free(config->polls[i].choices);
    free(config->polls);
    config->polls = NULL;
    config->poll_count = 0;
}

void config_free(struct config *config)
{
    config_forget_poll(config);
    config_forget_http_host(config);
    free(config->cors);
    free(config->database);
    free(config->admin);
    config->cors = NULL;
    config->database = NULL;
    config->admin = NULL;
}
