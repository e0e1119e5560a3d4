/* Polls as JSON. On the worker's thread. */
#include "web/web_polls.h"

#include "base/log.h"
#include "json/poll_json.h"
#include "proto/http_value.h"
#include "proto/number.h"
#include "tally/tally.h"
#include "web/template.h"
#include "web/web_document.h"
#include "web/web_reply.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { CHOICES_IN_LIST_MAX = 1000 };

const struct poll *web_find_poll(struct web_session *session, const struct web_call *call)
{
    char text[PROTO_NAME_MAX + 1];
    struct name name;
    int len = http_decode(call->name, false, text, sizeof text);
    if (len < 0 || !name_parse(text, (size_t)len, &name))
        return NULL;
    return worker_find_poll(session->client.worker, &name);
}

/* A hash of what a document depends on, including the ledger. */
uint64_t web_version(const struct tally *tally, const uint64_t *parts, size_t count)
{
    static const unsigned char no_key[crypto_shorthash_KEYBYTES];
    uint64_t all[WEB_VERSION_PARTS + 1], hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "SipHash makes 64 bits");
    INVARIANT(count <= WEB_VERSION_PARTS);
    all[0] = tally_identity(tally);
    memcpy(all + 1, parts, count * sizeof parts[0]);
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)all,
                     (count + 1) * sizeof all[0], no_key);
    return hash;
}

/* One poll, for its document. */
struct subject {
    struct snapshot *snapshot;
    const char *ledger;
};

static int render_poll(struct buffer *out, const void *context)
{
    const struct subject *subject = context;
    struct json_writer json = json_write_begin(out);
    poll_json_write(&json, subject->snapshot, subject->ledger);
    return json_write_finish(&json) == 0 ? 0 : TEMPLATE_NO_MEMORY;
}

enum web_result web_poll(struct web_session *session, const struct web_call *call)
{
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    struct tally *tally = session->client.worker->server->tally;
    const struct subject subject = {tally_snapshot(tally, poll->id), tally_ledger(tally)};
    const uint64_t version = snapshot_version(subject.snapshot);
    const struct web_document document = {
        .type = TYPE_JSON,
        .seq = subject.snapshot->seq,
        .version = web_version(tally, &version, 1),
        .render = render_poll,
        .context = &subject,
    };
    enum web_result result = web_reply_document(session, call, &document);
    snapshot_unref(subject.snapshot);
    return result;
}

/* ---- lists ---- */

bool web_read_number(struct span query, const char *wanted, uint64_t least, uint64_t most,
                     uint64_t *number)
{
    struct span name, value;
    while (http_next_pair(&query, &name, &value)) {
        if (!span_is(name, wanted))
            continue;
        if (!number_parse(value.at, value.len, most, number) || *number < least)
            return false;
    }
    return true;
}

bool web_read_flag(struct span query, const char *wanted, bool *flag)
{
    struct span name, value;
    while (http_next_pair(&query, &name, &value)) {
        if (!span_is(name, wanted))
            continue;
        *flag = span_is(value, "yes");
        if (!*flag && !span_is(value, "no"))
            return false;
    }
    return true;
}

void web_since(const struct tally *tally, char since[WEB_SINCE_SIZE])
{
    snprintf(since, WEB_SINCE_SIZE, "%s-%" PRIu64, tally_ledger(tally), tally_seq(tally));
}

uint64_t web_read_since(const struct tally *tally, struct span query)
{
    struct span name, value;
    uint64_t seq;
    while (http_next_pair(&query, &name, &value)) {
        if (!span_is(name, "since"))
            continue;
        bool is_own = span_is(span_cut(&value, '-'), tally_ledger(tally));
        return is_own && number_parse(value.at, value.len, UINT64_MAX, &seq) ? seq : 0;
    }
    return 0;
}

bool web_list_add(struct web_list *list, const struct tally *tally, uint32_t poll)
{
    list->polls[list->count++] = poll;
    list->choices += tally_poll(tally, poll)->choice_count;
    return list->count < list->limit && list->choices < CHOICES_IN_LIST_MAX;
}

void web_list_read(struct web_list *list, struct tally *tally)
{
    web_since(tally, list->since); /* first: of what is taken after it nothing is missed */
    tally_snapshots(tally, list->polls, list->count, list->snapshots);
}

void web_list_release(struct web_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        snapshot_unref(list->snapshots[i]);
}

uint64_t web_list_newest(const struct web_list *list)
{
    uint64_t seq = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->snapshots[i]->seq > seq)
            seq = list->snapshots[i]->seq;
    return seq;
}

uint64_t web_list_version(const struct web_list *list, const struct tally *tally, uint64_t next,
                          uint64_t form)
{
    uint64_t parts[WEB_VERSION_PARTS] = {next, form};
    size_t count = 2;
    for (size_t i = 0; i < list->count; i++) {
        parts[count++] = list->polls[i];
        parts[count++] = snapshot_version(list->snapshots[i]);
        parts[count++] = snapshot_result_seq(list->snapshots[i]); /* cards tell who leads */
    }
    return web_version(tally, parts, count);
}

/* A list, for its document. */
struct listing {
    const struct web_list *list;
    const char *ledger;
    const char *next; /* the path of the list's next part, or NULL */
};

static int render_list(struct buffer *out, const void *context)
{
    const struct listing *listing = context;
    struct json_writer json = json_write_begin(out);
    json_write_open(&json, '{');
    json_write_name(&json, "ledger");
    json_write_string(&json, listing->ledger);
    json_write_name(&json, "polls");
    json_write_open(&json, '[');
    for (size_t i = 0; i < listing->list->count; i++)
        poll_json_write(&json, listing->list->snapshots[i], listing->ledger);
    json_write_close(&json, ']');
    json_write_name(&json, "since");
    json_write_string(&json, listing->list->since);
    json_write_name(&json, "next");
    if (listing->next)
        json_write_string(&json, listing->next);
    else
        json_write_null(&json);
    json_write_close(&json, '}');
    return json_write_finish(&json) == 0 ? 0 : TEMPLATE_NO_MEMORY;
}

enum web_result web_polls(struct web_session *session, const struct web_call *call)
{
    struct tally *tally = session->client.worker->server->tally;
    uint64_t after = 0, limit = WEB_LIST_MAX;
    if (!web_read_number(call->request->query, "after", 0, POLLS_MAX, &after) ||
        !web_read_number(call->request->query, "limit", 1, WEB_LIST_MAX, &limit))
        return web_refuse(session, ERR_BAD_ARGUMENT, 0,
                          "after is a number from 0, and limit one from 1 to 100");
    bool is_whole = after == 0 && limit == WEB_LIST_MAX;
    struct web_list list = {.limit = limit};
    const uint32_t count = tally_poll_count(tally);
    while (after < count && web_list_add(&list, tally, (uint32_t)++after))
        ;
    web_list_read(&list, tally);

    char next[sizeof "/polls?after=&limit=" + 2 * NUMBER_DIGITS_MAX];
    snprintf(next, sizeof next, "/polls?after=%" PRIu64 "&limit=%" PRIu64, after, limit);
    const struct listing listing = {&list, tally_ledger(tally), after < count ? next : NULL};
    const struct web_document document = {
        .type = TYPE_JSON,
        .kept = is_whole ? WEB_KEPT_POLLS : WEB_KEPT_NONE,
        .seq = web_list_newest(&list),
        .version = web_list_version(&list, tally, after < count ? after : 0, limit),
        .render = render_list,
        .context = &listing,
    };
    enum web_result result = web_reply_document(session, call, &document);
    web_list_release(&list);
    return result;
}
