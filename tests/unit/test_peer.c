/* Addresses of peers: what is taken for one, and the one form in which each is shown. Texts are
 * given in blocks of exactly their size, so that a sanitizer sees a step beyond. */
#include "net/peer.h"

#include "base/network.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    return copy;
}

static int parse(union peer *peer, const char *text)
{
    size_t len = strlen(text);
    char *given = exact_copy(text, len);
    int result = peer_parse(peer, given, len);
    free(given);
    return result;
}

static const struct {
    const char *text;
    const char *address; /* NULL where it is none */
    unsigned port;
} texts[] = {
    {"192.0.2.1", "192.0.2.1", 0},
    {"192.0.2.1:4711", "192.0.2.1", 4711},
    {"2001:DB8:0::1", "2001:db8::1", 0},
    {"[2001:db8::1]", "2001:db8::1", 0},
    {"[2001:db8::1]:65535", "2001:db8::1", 65535},
    {"::ffff:192.0.2.1", "192.0.2.1", 0},
    {"::FFFF:c000:0201", "192.0.2.1", 0},
    {"[::ffff:192.0.2.1]:1", "192.0.2.1", 1},
    {"::", "::", 0},
    {"2001:db8::1:80", "2001:db8::1:80", 0}, /* no brackets, no port */
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0},
    {"", NULL, 0},
    {"unknown", NULL, 0},
    {"192.0.2.1:", NULL, 0},
    {"192.0.2.1:0", NULL, 0},
    {"192.0.2.1:65536", NULL, 0},
    {"192.0.2.1:123456", NULL, 0},
    {"192.0.2.1:+1", NULL, 0},
    {"192.0.2.1 ", NULL, 0},
    {"192.0.2", NULL, 0},
    {"192.0.02.1", NULL, 0},
    {":80", NULL, 0},
    {"[192.0.2.1]", NULL, 0},
    {"[::1", NULL, 0},
    {"[::1]80", NULL, 0},
    {"[]", NULL, 0},
    {"[", NULL, 0},
    {"::1]", NULL, 0},
    {"fe80::1%eth0", NULL, 0},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL, 0},
};

START_TEST(texts_are_taken_or_refused)
{
    union peer peer;
    char text[PEER_TEXT_MAX];
    int result = parse(&peer, texts[_i].text);
    ck_assert_msg((result == 0) == (texts[_i].address != NULL), "'%s' was %s", texts[_i].text,
                  result == 0 ? "taken" : "refused");
    if (!texts[_i].address)
        return;
    ck_assert_uint_eq(peer_address_text(&peer, text), strlen(texts[_i].address));
    ck_assert_str_eq(text, texts[_i].address);
    ck_assert_uint_eq(peer_port(&peer), texts[_i].port);
}
END_TEST

START_TEST(a_nul_within_is_no_address)
{
    union peer peer;
    ck_assert_int_eq(peer_parse(&peer, "::1\0", 4), -1);
}
END_TEST

START_TEST(ipv4_is_one_family)
{
    union peer peer;
    ck_assert_int_eq(parse(&peer, "::ffff:192.0.2.1"), 0);
    ck_assert_int_eq(peer.family, AF_INET);
    const struct in6_addr address = peer_address(&peer);
    ck_assert(address_is_v4(&address));
}
END_TEST

static const struct {
    const char *text;
    const char *shown; /* NULL where it is none */
    const char *within;
    const char *outside; /* NULL for nothing */
} networks[] = {
    {"10.0.0.0/8", "10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
    {"10.1.2.3/8", "10.0.0.0/8", "::ffff:10.1.2.4", "::a01:204"},
    {"192.0.2.128/25", "192.0.2.128/25", "192.0.2.255", "192.0.2.127"},
    {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.0"},
    {"192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.0"},
    {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.0"},
    {"::ffff:10.0.0.0/104", "10.0.0.0/8", "10.1.1.1", "11.0.0.0"},
    {"0.0.0.0/0", "0.0.0.0/0", "255.0.0.1", "::1"},
    {"fd00::/8", "fd00::/8", "fdff::1", "fe00::1"},
    {"2001:db8::1/127", "2001:db8::/127", "2001:db8::1", "2001:db8::2"},
    {"::/0", "::/0", "192.0.2.1", NULL},
    {"10.0.0.0/", NULL, NULL, NULL},
    {"10.0.0.0/33", NULL, NULL, NULL},
    {"10.0.0.0/-1", NULL, NULL, NULL},
    {"10.0.0.0/0008", NULL, NULL, NULL},
    {"10.0.0.0/8 ", NULL, NULL, NULL},
    {"10.0.0.0/255.0.0.0", NULL, NULL, NULL},
    {"::/129", NULL, NULL, NULL},
    {"/8", NULL, NULL, NULL},
    {"10/8", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
};

static bool has(const struct networks *list, const char *text)
{
    union peer peer;
    ck_assert_int_eq(parse(&peer, text), 0);
    const struct in6_addr address = peer_address(&peer);
    return networks_have(list, &address);
}

START_TEST(networks_are_taken_or_refused)
{
    struct networks list = {0};
    char text[NETWORK_TEXT_MAX];
    size_t len = strlen(networks[_i].text);
    char *given = exact_copy(networks[_i].text, len);
    int result = network_parse(&list.list[0], given, len);
    free(given);
    ck_assert_int_eq(result, networks[_i].shown ? 0 : -1);
    if (!networks[_i].shown)
        return;
    ck_assert_str_eq(network_text(&list.list[0], text), networks[_i].shown);
    ck_assert(!has(&list, networks[_i].within)); /* it is not on the list yet */
    list.count = 1;
    ck_assert(has(&list, networks[_i].within));
    ck_assert(!networks[_i].outside || !has(&list, networks[_i].outside));
}
END_TEST

START_TEST(peers_are_shown_with_their_port)
{
    union peer peer;
    char text[PEER_TEXT_MAX];
    ck_assert_int_eq(parse(&peer, "192.0.2.1:4711"), 0);
    ck_assert_str_eq(peer_text(&peer, text), "192.0.2.1:4711");
    ck_assert_int_eq(parse(&peer, "[2001:db8::1]:4711"), 0);
    ck_assert_str_eq(peer_text(&peer, text), "[2001:db8::1]:4711");
    peer = (union peer){.family = AF_UNIX};
    ck_assert_str_eq(peer_text(&peer, text), "local");
    ck_assert_uint_eq(peer_port(&peer), 0);
}
END_TEST

START_TEST(a_socket_says_where_it_is)
{
    const struct sockaddr_in any = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    union peer local = peer_local(fd);
    char text[PEER_TEXT_MAX];
    peer_address_text(&local, text);
    ck_assert_str_eq(text, "127.0.0.1");
    ck_assert_uint_ne(peer_port(&local), 0);
    close(fd);
    local = peer_local(fd);
    ck_assert_int_eq(local.family, AF_UNSPEC);
}
END_TEST

UNIT_MAIN("peer", {"peer", .tests = {{texts_are_taken_or_refused, .loops = UNIT_COUNT(texts)},
                                     {a_nul_within_is_no_address},
                                     {networks_are_taken_or_refused, .loops = UNIT_COUNT(networks)},
                                     {ipv4_is_one_family},
                                     {peers_are_shown_with_their_port},
                                     {a_socket_says_where_it_is}}})
