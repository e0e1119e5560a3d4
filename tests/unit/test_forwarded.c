/* What proxies tell: who asks, by which scheme, and for which host. */
#include "web/forwarded.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define FOR "X-Forwarded-For: "

static struct networks proxies;
static union peer peer;
static struct http_request request;
static char bytes[2048];

static void trust(const char *network)
{
    ck_assert_int_eq(network_parse(&proxies.list[proxies.count++], network, strlen(network)), 0);
}

static void ask(const char *from, const char *fields)
{
    const char *why;
    int len = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: inner:3000\r\n%s\r\n", fields);
    ck_assert_int_eq(peer_parse(&peer, from, strlen(from)), 0);
    ck_assert_int_eq(http_request_parse(bytes, (size_t)len, &request, &why), len);
}

static void set_up(void)
{
    proxies.count = 0;
    trust("127.0.0.1");
    trust("10.0.0.0/8");
    trust("fd00::/8");
}

static const struct {
    const char *from, *fields;
    const char *address; /* NULL where it can't be told */
} asked[] = {
    /* no proxy: the field is anybody's */
    {"192.0.2.1", "", "192.0.2.1"},
    {"192.0.2.1", FOR "192.0.2.2\r\n", "192.0.2.1"},
    {"192.0.2.1", FOR "127.0.0.1\r\n", "192.0.2.1"},
    {"[2001:db8::1]:4711", FOR "unknown\r\n", "2001:db8::1"},
    /* one proxy, whichever way it writes */
    {"127.0.0.1", FOR "192.0.2.1\r\n", "192.0.2.1"},
    {"::ffff:127.0.0.1", FOR "192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "192.0.2.1:4711\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "::FFFF:c000:201\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "[2001:DB8:0::1]:4711\r\n", "2001:db8::1"},
    {"127.0.0.1", FOR "\"[2001:db8::1]:4711\"\r\n", "2001:db8::1"},
    {"127.0.0.1", FOR "\"192.0.2.1\r\n", NULL},
    {"127.0.0.1", FOR "\"\r\n", NULL},
    {"fd12::1", FOR "\t 192.0.2.1 \t\r\n", "192.0.2.1"},
    /* what a stranger wrote before */
    {"127.0.0.1", FOR "192.0.2.9, 192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR ",unknown,,127.0.0.1,192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "192.0.2.9\r\nx-forwarded-for:192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "\r\n" FOR "192.0.2.1\r\n", "192.0.2.1"},
    /* several proxies, in one line and in lines of their own */
    {"127.0.0.1", FOR "192.0.2.1, 10.0.0.1\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "192.0.2.1\r\nVia: x\r\n" FOR "10.0.0.1:5000\r\n", "192.0.2.1"},
    {"127.0.0.1", FOR "192.0.2.9,192.0.2.1\r\n" FOR "fd00::1\r\n" FOR "[fd00::2]\r\n", "192.0.2.1"},
    /* all are proxies: the first is the one that asks */
    {"127.0.0.1", FOR "10.0.0.7, 10.0.0.1\r\n", "10.0.0.7"},
    {"127.0.0.1", FOR "10.0.0.7\r\n" FOR "10.0.0.1\r\n", "10.0.0.7"},
    /* the proxy does not tell */
    {"127.0.0.1", "", NULL},
    {"127.0.0.1", FOR "\r\n", NULL},
    {"127.0.0.1", FOR "unknown\r\n", NULL},
    {"127.0.0.1", FOR "_hidden\r\n", NULL},
    {"127.0.0.1", FOR "192.0.2.1, \r\n", NULL},
    {"127.0.0.1", FOR "192.0.2.1\r\n" FOR "\r\n", NULL},
    {"127.0.0.1", FOR "192.0.2.1, unknown, 10.0.0.1\r\n", NULL},
    {"127.0.0.1", FOR "unknown, 10.0.0.1\r\n", NULL},
    {"127.0.0.1", FOR "192.0.2.1:\r\n", NULL},
    {"127.0.0.1", FOR "\"192.0.2.1\"\r\n", "192.0.2.1"},
    {"127.0.0.1", "X-Forwarded-Fo: 192.0.2.1\r\nX-Forwarded-For2: 192.0.2.1\r\n", NULL},
    {"127.0.0.1", "Forwarded: for=192.0.2.1\r\n", NULL},
};

START_TEST(who_asks)
{
    struct in6_addr address;
    char text[ADDRESS_TEXT_MAX];
    ask(asked[_i].from, asked[_i].fields);
    int result = forwarded_address(&request, &proxies, &peer, &address);
    ck_assert_msg(result == (asked[_i].address ? 0 : -1), "%s", asked[_i].fields);
    if (result != 0)
        return;
    address_text(&address, text);
    ck_assert_str_eq(text, asked[_i].address);
}
END_TEST

static const struct {
    const char *from, *fields;
    bool https;
    const char *host;
} wanted[] = {
    {"127.0.0.1", "", false, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Proto: https\r\n", true, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Proto: HTTPS , http\r\n", true, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", true, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Proto: http, https\r\n", false, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Proto: httpss\r\n", false, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Proto:\r\n", false, "inner:3000"},
    {"127.0.0.1", "X-Forwarded-Host: vote.example:8443, inner\r\n", false, "vote.example:8443"},
    {"127.0.0.1", "X-Forwarded-Host: a\r\nX-Forwarded-Host: b\r\n", false, "a"},
    {"127.0.0.1", "X-Forwarded-Host:\r\n", false, "inner:3000"},
    {"192.0.2.1", "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n", false, "inner:3000"},
};

START_TEST(what_is_asked_for)
{
    ask(wanted[_i].from, wanted[_i].fields);
    ck_assert_int_eq(forwarded_is_https(&request, &proxies, &peer), wanted[_i].https);
    struct span host = forwarded_host(&request, &proxies, &peer);
    ck_assert(span_is(host, wanted[_i].host));
}
END_TEST

static const struct {
    const char *from, *fields;
    const char *hosts; /* that are asked about, up to the one that fails */
} named[] = {
    {"127.0.0.1", "", "inner:3000;"},
    {"127.0.0.1", "X-Forwarded-Host: a, b:1\r\nVia: x\r\nx-forwarded-host:c\r\n",
     "inner:3000;a;b:1;c;"},
    {"127.0.0.1", "X-Forwarded-Host:\r\nX-Forwarded-Host: ,a,\r\n", "inner:3000;a;"},
    {"127.0.0.1", "X-Forwarded-Host: a, evil, b\r\n", "inner:3000;a;evil;"},
    {"192.0.2.1", "X-Forwarded-Host: evil\r\n", "inner:3000;"},
};

static char hosts[256];

static bool add_host(const void *evil, struct span host)
{
    size_t len = strlen(hosts);
    snprintf(hosts + len, sizeof hosts - len, "%.*s;", (int)host.len, host.at);
    return !span_is(host, evil);
}

START_TEST(every_host_is_judged)
{
    ask(named[_i].from, named[_i].fields);
    hosts[0] = '\0';
    bool passes = forwarded_hosts_are(&request, &proxies, &peer, add_host, "evil");
    ck_assert_str_eq(hosts, named[_i].hosts);
    ck_assert_int_eq(passes, !strstr(named[_i].hosts, "evil"));
}
END_TEST

UNIT_MAIN("forwarded", {"forwarded", .set_up = set_up,
                        .tests = {{who_asks, .loops = UNIT_COUNT(asked)},
                                  {what_is_asked_for, .loops = UNIT_COUNT(wanted)},
                                  {every_host_is_judged, .loops = UNIT_COUNT(named)}}})
