/* `clients`: the connections, those with the largest backlog first. */
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/columns.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 32 }; /* of a row; further ones are left out */

struct field {
    struct span key;
    struct span value;
};

/* A row of CLIENTS. */
struct peer {
    char *text; /* owned: a copy of the row, which the fields point into */
    uint64_t id;
    uint64_t backlog_bytes; /* pending= and unsent= */
    uint64_t blocked_ms;
    size_t field_count;
    struct field fields[FIELDS_MAX];
};

struct peers {
    struct peer *peers;
    size_t count;
    size_t room;
};

/* Takes the next `key=value`. A value with spaces stands in quotation marks, and holds none. */
static struct span take_word(struct span *rest)
{
    struct span word = span_cut(rest, ' ');
    const char *equals = memchr(word.at, '=', word.len);
    const char *quote = equals && equals + 1 < word.at + word.len ? equals + 1 : NULL;
    const char *end = quote && *quote == '"'
                          ? memchr(quote + 1, '"', (size_t)(rest->at + rest->len - (quote + 1)))
                          : NULL;
    if (!end || end < word.at + word.len)
        return word;
    word.len = (size_t)(end + 1 - word.at);
    rest->len -= (size_t)(end + 1 - rest->at);
    rest->at = end + 1;
    (void)span_cut(rest, ' '); /* the space behind it */
    return word;
}

static struct span without_quotes(struct span value)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        return (struct span){value.at + 1, value.len - 2};
    return value;
}

static void take_field(struct peer *peer, struct span word)
{
    const char *equals = memchr(word.at, '=', word.len);
    if (!equals || peer->field_count == FIELDS_MAX)
        return;
    struct field *field = &peer->fields[peer->field_count++];
    uint64_t number;
    field->key = (struct span){word.at, (size_t)(equals - word.at)};
    field->value = without_quotes((struct span){equals + 1, word.len - field->key.len - 1});
    if (!span_number(field->value, &number))
        return;
    if (span_is(field->key, "pending") || span_is(field->key, "unsent"))
        peer->backlog_bytes += number;
    if (span_is(field->key, "blocked_ms"))
        peer->blocked_ms = number;
}

static void take_peer(struct span row, void *context)
{
    struct peers *peers = context;
    if (peers->count == peers->room) {
        peers->room = peers->room ? 2 * peers->room : 64;
        peers->peers = realloc(peers->peers, peers->room * sizeof(*peers->peers));
        if (!peers->peers)
            memory_exhausted();
    }
    char *text = must_copy(row.at, row.len);
    struct peer *peer = &peers->peers[peers->count++];
    *peer = (struct peer){.text = text};
    struct span rest = {text, strlen(text)};
    if (!span_number(span_cut(&rest, ' '), &peer->id))
        peer->id = 0; /* no server says that */
    while (rest.len > 0)
        take_field(peer, take_word(&rest));
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_peers(const void *a, const void *b)
{
    const struct peer *left = a;
    const struct peer *right = b;
    int order = compare(right->backlog_bytes, left->backlog_bytes);
    if (order == 0)
        order = compare(right->blocked_ms, left->blocked_ms);
    return order ? order : compare(left->id, right->id);
}

/* Values of these keys are names, even if one looks like a number. */
static bool is_number_key(struct span key)
{
    return !span_is(key, "voter") && !span_is(key, "peer") && !span_is(key, "kind");
}

static void print_json(const struct peer *peer)
{
    json_t *object = json_pack("{s:I}", "id", (json_int_t)peer->id);
    for (size_t i = 0; i < peer->field_count; i++) {
        const struct field *field = &peer->fields[i];
        char *key = must_copy(field->key.at, field->key.len);
        uint64_t number;
        bool is_number = is_number_key(field->key) && span_number(field->value, &number);
        json_object_set_new(object, key,
                            is_number ? json_integer((json_int_t)number)
                                      : output_json_text(field->value.at, field->value.len));
        free(key);
    }
    output_json(object);
}

static struct span value_of(const struct peer *peer, struct span key)
{
    for (size_t i = 0; i < peer->field_count; i++) {
        const struct field *field = &peer->fields[i];
        if (field->key.len == key.len && memcmp(field->key.at, key.at, key.len) == 0)
            return field->value;
    }
    return (struct span){"-", 1};
}

/* All keys of all rows, in the order in which they first come. */
static size_t gather_keys(const struct peers *peers, struct span keys[FIELDS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->peers[i];
        for (size_t j = 0; j < peer->field_count; j++) {
            struct span key = peer->fields[j].key;
            size_t known = 0;
            while (known < count &&
                   (keys[known].len != key.len || memcmp(keys[known].at, key.at, key.len) != 0))
                known++;
            if (known == count && count < FIELDS_MAX)
                keys[count++] = key;
        }
    }
    return count;
}

static void print_table(const struct peers *peers)
{
    struct span keys[FIELDS_MAX];
    size_t key_count = gather_keys(peers, keys);
    struct columns *columns = columns_new(1 + key_count);

    columns_add_string(columns, "ID");
    columns_align_right(columns, 0);
    for (size_t i = 0; i < key_count; i++) {
        columns_add(columns, keys[i].at, keys[i].len);
        if (is_number_key(keys[i]))
            columns_align_right(columns, 1 + i);
    }
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->peers[i];
        columns_add(columns, peer->text, strcspn(peer->text, " "));
        for (size_t j = 0; j < key_count; j++) {
            struct span value = value_of(peer, keys[j]);
            columns_add(columns, value.at, value.len);
        }
    }
    columns_print(columns, stdout);
    columns_free(columns);
}

static void print_peers(const struct invocation *invocation, struct peers *peers)
{
    if (peers->count > 0)
        qsort(peers->peers, peers->count, sizeof(*peers->peers), compare_peers);
    if (!invocation->json)
        print_table(peers);
    else
        for (size_t i = 0; i < peers->count; i++)
            print_json(&peers->peers[i]);
}

enum status command_clients(const struct invocation *invocation)
{
    struct client *client;
    struct request request;
    struct reply reply;
    enum status status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;

    struct peers peers = {0};
    request_start(&request, "CLIENTS");
    status = client_call(client, &request, take_peer, &peers, &reply);
    if (status == STATUS_DONE)
        print_peers(invocation, &peers);
    for (size_t i = 0; i < peers.count; i++)
        free(peers.peers[i].text);
    free(peers.peers);
    client_close(client);
    return status;
}
