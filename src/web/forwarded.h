/* The fields that proxies add to the requests that they pass on: the address that asks, and the
 * scheme and host that the browser asked for. Only a trusted proxy is believed (--trusted-proxy).
 * Any other peer asks for itself, by plain HTTP, for the host in Host. Pure; any thread. */
#ifndef TALLYCAST_FORWARDED_H
#define TALLYCAST_FORWARDED_H

#include "base/network.h"
#include "net/peer.h"
#include "proto/http.h"

#include <stdbool.h>

/* The address that asks: the last one in X-Forwarded-For that is no trusted proxy's, or the first
 * if all are. Returns 0, or -1 if the proxy does not tell it. */
int forwarded_address(const struct http_request *request, const struct networks *proxies,
                      const union peer *peer, struct in6_addr *address)
    __attribute__((warn_unused_result));

/* Whether the browser asks by https: X-Forwarded-Proto. */
bool forwarded_is_https(const struct http_request *request, const struct networks *proxies,
                        const union peer *peer);

/* The name and port that the browser asked for: X-Forwarded-Host, or Host. at is NULL if there is
 * neither. */
struct span forwarded_host(const struct http_request *request, const struct networks *proxies,
                           const union peer *peer);

/* Whether a host, with its port, passes a test. */
typedef bool forwarded_host_test(const void *context, struct span host);

/* Whether all hosts that the request names pass: Host, and each value of X-Forwarded-Host. A
 * request that names none passes. */
bool forwarded_hosts_are(const struct http_request *request, const struct networks *proxies,
                         const union peer *peer, forwarded_host_test *test, const void *context);

#endif
