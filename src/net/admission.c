/* Counts connections, in all and, if there is a limit, by address: a chained hash table of the
 * addresses that are connected now. An address's hash is seeded at random, so that no choice of
 * addresses makes its chains long. */
#include "net/admission.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { BUCKETS = 4096 };

struct address {
    struct in6_addr bytes; /* IPv4 as IPv4-mapped */
    unsigned count;
    LIST_ENTRY(address) link;
};

struct admission {
    pthread_mutex_t mutex;
    unsigned max_connections;
    unsigned max_per_address;
    const struct networks *proxies;
    unsigned count;
    unsigned turning_away[ADMISSION_TOLD_KINDS];
    _Atomic unsigned arriving; /* not under the mutex */
    unsigned char seed[crypto_shorthash_KEYBYTES];
    LIST_HEAD(bucket, address) buckets[BUCKETS];
};

struct admission *admission_new(unsigned max_connections, unsigned max_per_address,
                                const struct networks *proxies)
{
    struct admission *admission = calloc(1, sizeof *admission);
    if (!admission)
        return NULL;
    pthread_mutex_init(&admission->mutex, NULL);
    admission->max_connections = max_connections;
    admission->max_per_address = max_per_address;
    admission->proxies = proxies;
    randombytes_buf(admission->seed, sizeof admission->seed);
    return admission;
}

void admission_free(struct admission *admission)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct address *address;
        while ((address = LIST_FIRST(&admission->buckets[i]))) {
            LIST_REMOVE(address, link);
            free(address);
        }
    }
    pthread_mutex_destroy(&admission->mutex);
    free(admission);
}

static struct bucket *bucket_of(struct admission *admission, const struct in6_addr *bytes)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint16_t index;
    crypto_shorthash(hash, bytes->s6_addr, sizeof bytes->s6_addr, admission->seed);
    memcpy(&index, hash, sizeof index);
    return &admission->buckets[index % BUCKETS];
}

static struct address *find(struct bucket *bucket, const struct in6_addr *bytes)
{
    struct address *address;
    LIST_FOREACH (address, bucket, link)
        if (memcmp(&address->bytes, bytes, sizeof *bytes) == 0)
            return address;
    return NULL;
}

/* Whether connections of that address are counted by address. */
static bool is_counted(const struct admission *admission, const struct in6_addr *bytes)
{
    return admission->max_per_address != 0 && !networks_have(admission->proxies, bytes);
}

static bool enter_address(struct admission *admission, const union peer *peer)
{
    struct in6_addr bytes = peer_address(peer);
    if (!is_counted(admission, &bytes))
        return true;
    struct bucket *bucket = bucket_of(admission, &bytes);
    struct address *address = find(bucket, &bytes);
    if (!address) {
        address = calloc(1, sizeof *address);
        if (!address)
            return false;
        address->bytes = bytes;
        LIST_INSERT_HEAD(bucket, address, link);
    }
    if (address->count == admission->max_per_address)
        return false;
    address->count++;
    return true;
}

bool admission_enter(struct admission *admission, const union peer *peer)
{
    pthread_mutex_lock(&admission->mutex);
    bool admitted = admission->count < admission->max_connections && enter_address(admission, peer);
    if (admitted)
        admission->count++;
    pthread_mutex_unlock(&admission->mutex);
    return admitted;
}

bool admission_is_full(struct admission *admission)
{
    pthread_mutex_lock(&admission->mutex);
    bool full = admission->count >= admission->max_connections;
    pthread_mutex_unlock(&admission->mutex);
    return full;
}

static void leave_address(struct admission *admission, const union peer *peer)
{
    struct in6_addr bytes = peer_address(peer);
    if (!is_counted(admission, &bytes))
        return;
    struct address *address = find(bucket_of(admission, &bytes), &bytes);
    if (--address->count == 0) {
        LIST_REMOVE(address, link);
        free(address);
    }
}

void admission_leave(struct admission *admission, const union peer *peer)
{
    pthread_mutex_lock(&admission->mutex);
    admission->count--;
    leave_address(admission, peer);
    pthread_mutex_unlock(&admission->mutex);
}

void admission_hand_over(struct admission *admission)
{
    atomic_fetch_add_explicit(&admission->arriving, 1, memory_order_relaxed);
}

void admission_arrived(struct admission *admission)
{
    atomic_fetch_sub_explicit(&admission->arriving, 1, memory_order_relaxed);
}

unsigned admission_arriving(const struct admission *admission)
{
    return atomic_load_explicit(&admission->arriving, memory_order_relaxed);
}

bool admission_turn_away(struct admission *admission, enum admission_told kind)
{
    pthread_mutex_lock(&admission->mutex);
    bool told = admission->turning_away[kind] < ADMISSION_TURNING_AWAY_MAX;
    if (told)
        admission->turning_away[kind]++;
    pthread_mutex_unlock(&admission->mutex);
    return told;
}

void admission_turned_away(struct admission *admission, enum admission_told kind)
{
    pthread_mutex_lock(&admission->mutex);
    admission->turning_away[kind]--;
    pthread_mutex_unlock(&admission->mutex);
}
