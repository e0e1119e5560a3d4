/* What proxies tell of the requests that they pass on: who asks, and what the browser asked for.
 * Only a proxy that is trusted is believed (--trusted-proxy); of any other peer it is the peer that
 * asks, by plain HTTP, for what Host says. Pure; any thread. */
#ifndef TALLYCAST_FORWARDED_H
#define TALLYCAST_FORWARDED_H

#include "base/network.h"
#include "net/peer.h"
#include "proto/http.h"

#include <stdbool.h>

/* The address that asks: the last one in X-Forwarded-For that is no trusted proxy's, or the first
 * where all are. Returns 0, or -1 where the proxy does not tell. */
int forwarded_address(const struct http_request *request, const struct networks *proxies,
                      const union peer *peer, struct in6_addr *address)
    __attribute__((warn_unused_result));

/* Whether the browser asks by https: X-Forwarded-Proto. */
bool forwarded_is_https(const struct http_request *request, const struct networks *proxies,
                        const union peer *peer);

/* The name and port that the browser asked for: X-Forwarded-Host, or Host. at is NULL where neither
 * is there. */
struct span forwarded_host(const struct http_request *request, const struct networks *proxies,
                           const union peer *peer);

#endif
