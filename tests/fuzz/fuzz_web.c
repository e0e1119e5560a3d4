/* What the web's clients must be told. Each whole reply belongs to the first request that has none;
 * a part of a request gets one only if no more of it can or will come. */
#include "tests/fuzz/fuzz_web.h"

#include "tests/fuzz/fuzz_kernel.h"
#include "proto/number.h"
#include "proto/ascii.h"
#include "proto/http_value.h"

#include <stdlib.h>
#include <string.h>

void web_free(struct web *web)
{
    free(web->sent);
    free(web->received);
    free(web->answers);
    *web = (struct web){0};
}

/* Appends to bytes that grow. */
static void append(char **all, size_t *all_len, const char *bytes, size_t len)
{
    *all = kernel_allocate(*all, *all_len + len + 1);
    memcpy(*all + *all_len, bytes, len);
    *all_len += len;
}

static void drop(char *all, size_t *len, size_t count)
{
    *len -= count;
    memmove(all, all + count, *len);
}

void web_sends(struct web *web, const char *bytes, size_t len)
{
    if (web->sent_len == 0)
        web->waited_ms = 0;
    append(&web->sent, &web->sent_len, bytes, len);
}

void web_answered(struct web *web, const struct answer *answer)
{
    size_t count = web->answer_count++;
    web->answers = kernel_allocate(web->answers, (count + 1) * sizeof *web->answers);
    web->answers[count] = *answer;
}

/* ---- replies ---- */

/* The head of a reply, of which `len` bytes are its own. */
struct head {
    int status;
    size_t len;
    bool closes;
    bool streams;
    bool has_length;
    size_t body_len;
};

static struct span take_line(const char **at, const char *end)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    REQUIRE(lf && lf > *at && lf[-1] == '\r');
    struct span line = {*at, (size_t)(lf - 1 - *at)};
    for (size_t i = 0; i < line.len; i++)
        REQUIRE(line.at[i] >= ' ' && line.at[i] <= '~');
    *at = lf + 1;
    return line;
}

static bool begins(struct span span, const char *text)
{
    return span.len >= strlen(text) && memcmp(span.at, text, strlen(text)) == 0;
}

static void take_field(struct head *head, struct span line)
{
    static const char length[] = "Content-Length: ";
    uint64_t number;
    REQUIRE(memchr(line.at, ':', line.len));
    head->closes |= begins(line, "Connection: close");
    head->streams |= begins(line, "Content-Type: text/event-stream");
    if (!begins(line, length))
        return;
    REQUIRE(!head->has_length);
    head->has_length = true;
    size_t skip = sizeof length - 1;
    REQUIRE(number_parse(line.at + skip, line.len - skip, 1024 * 1024, &number));
    head->body_len = (size_t)number;
}

/* Whether the head of a reply is whole. */
static bool take_head(const struct web *web, struct head *head)
{
    const char *at = web->received;
    const char *empty = memmem(at, web->received_len, "\r\n\r\n", 4);
    if (!empty)
        return false;
    const char *end = empty + 4;
    struct span line = take_line(&at, end);
    *head = (struct head){.len = (size_t)(end - web->received)};
    REQUIRE(begins(line, "HTTP/1.1 ") && line.len > 13 && line.at[12] == ' ');
    uint64_t status;
    REQUIRE(number_parse(line.at + 9, 3, 999, &status));
    head->status = (int)status;
    REQUIRE(strlen(http_reason(head->status)) == line.len - 13);
    while ((line = take_line(&at, end)).len > 0)
        take_field(head, line);
    return true;
}

/* ---- which reply ---- */

/* A refusal that may be the answer to anything. */
static bool is_excused(const struct web *web, const struct head *head)
{
    return head->status == 503 && (web->stopped || web->short_of_memory);
}

/* To what is no whole request. It ends the connection. */
static void judge_refusal(struct web *web, int parsed, const struct head *head)
{
    REQUIRE(head->closes);
    if (is_excused(web, head))
        return;
    if (head->status == -parsed)
        return;
    /* The server need not have read all of it: its time may have run out before. */
    REQUIRE(web->sent_len > 0);
    REQUIRE(head->status == 400 ? web->ended
                                : head->status == 408 && web->waited_ms >= WEB_REQUEST_TIMEOUT_MS);
}

/* Of a ballot that reached the ledger it is the ledger's answer, and else a refusal. The ledger may
 * have answered a later one already, while the refusal was on its way. */
static void judge_ballot(struct web *web, const struct head *head, struct span body)
{
    if (web->answer_at == web->answer_count) {
        REQUIRE(head->status >= 400);
        return;
    }
    const struct answer *answer = &web->answers[web->answer_at];
    int wanted = answer->error ? error_status((enum error)answer->error) : 201;
    if (head->status != wanted && !is_excused(web, head)) {
        REQUIRE(head->status >= 400);
        return;
    }
    web->answer_at++;
    if (answer->error || is_excused(web, head))
        return;
    struct span number = {body.at + 7, 0};
    REQUIRE(begins(body, "{\"seq\":"));
    while (number.at[number.len] >= '0' && number.at[number.len] <= '9')
        number.len++;
    uint64_t seq;
    REQUIRE(number_parse(number.at, number.len, UINT64_MAX, &seq) && seq == answer->number);
}

static void judge_reply(struct web *web, const struct http_request *request,
                        const struct head *head, struct span body)
{
    /* No more are executed behind a reply that waits. */
    REQUIRE(web->answer_count - web->answer_at <= 1);
    if (request->method == HTTP_POST)
        judge_ballot(web, head, body);
    else
        REQUIRE(head->status != 201 && head->status != 303);
    if (request->method == HTTP_OTHER)
        REQUIRE(head->status >= 400);
    if (request->method == HTTP_OPTIONS)
        REQUIRE(head->status == 204 || head->status >= 400);
    if (!request->keep_alive)
        REQUIRE(head->closes);
}

static unsigned poll_index(const struct web *web, const char *name)
{
    uint32_t count = tally_poll_count(web->tally);
    for (uint32_t id = 1; id <= count; id++)
        if (strcmp(tally_peek(web->tally, id)->poll->name.text, name) == 0)
            return id - 1;
    fuzz_broken(__FILE__, __LINE__, "a poll that there is");
}

/* From now on it is sent events. */
static void begin_stream(struct web *web, struct span path, struct span query)
{
    static const char before[] = "/polls/", after[] = "/events";
    char text[PROTO_NAME_MAX + 1];
    struct name name;
    web->streams = true;
    struct span key, value;
    while (http_next_pair(&query, &key, &value))
        if (span_is(key, "results"))
            web->results = span_is(value, "yes");
    web->subscribed_all = path.len == strlen(after);
    if (web->subscribed_all)
        return;
    size_t len = path.len - strlen(before) - strlen(after);
    int decoded =
        http_decode((struct span){path.at + strlen(before), len}, false, text, sizeof text);
    REQUIRE(decoded > 0 && name_parse(text, (size_t)decoded, &name));
    web->subscribed[poll_index(web, name.text)] = true;
}

/* Takes a reply off what was received, and its request off what was sent. Returns false if it is
 * not whole. */
static bool take_reply(struct web *web)
{
    struct head head;
    struct http_request request;
    const char *why;
    if (!take_head(web, &head))
        return false;
    REQUIRE(!web->over);
    int parsed = http_request_parse(web->sent ? web->sent : "", web->sent_len, &request, &why);
    if (head.status == 100) {
        REQUIRE(parsed == 0 && request.body.at && request.expects_continue && !head.has_length);
        drop(web->received, &web->received_len, head.len);
        return true;
    }
    bool has_body = head.status != 204 && head.status != 304 && !head.streams;
    REQUIRE(head.has_length == has_body);
    if (parsed > 0 && request.method == HTTP_HEAD)
        head.body_len = 0;
    if (web->received_len < head.len + head.body_len)
        return false;

    if (web->one_too_many)
        REQUIRE(head.closes && (head.status == 503 || (parsed > 0 && head.status == 200) ||
                                (parsed < 0 && head.status == -parsed)));
    else if (parsed <= 0)
        judge_refusal(web, parsed, &head);
    else
        judge_reply(web, &request, &head, (struct span){web->received + head.len, head.body_len});
    web->over = head.closes;
    if (parsed > 0 && head.streams && request.method == HTTP_GET)
        begin_stream(web, request.path, request.query);
    drop(web->received, &web->received_len, head.len + head.body_len);
    if (parsed > 0)
        drop(web->sent, &web->sent_len, (size_t)parsed);
    return true;
}

/* ---- events ---- */

/* Reads the number behind a word, up to the line's end, and steps over both. */
static uint64_t take_number(const char **at, const char *word)
{
    const char *digits = *at + strlen(word), *lf = strchr(digits, '\n');
    uint64_t number;
    REQUIRE(lf && strncmp(*at, word, strlen(word)) == 0);
    REQUIRE(number_parse(digits, (size_t)(lf - digits), UINT64_MAX, &number));
    *at = lf + 1;
    return number;
}

/* The version of the poll's title and labels that a tally names. */
static uint64_t texts_of(const char *tally)
{
    static const char member[] = ",\"texts\":";
    const char *digits = strstr(tally, member);
    REQUIRE(digits);
    return strtoull(digits + strlen(member), NULL, 10);
}

/* An event's data, which is an object, ends it. */
static void require_one_line(const char *data)
{
    const char *lf = strchr(data, '\n');
    REQUIRE(lf && lf > data && lf[-1] == '}' && lf[1] == '\0');
}

/* A tally, or a result, is never older than the one before it. */
static void take_tally(struct web *web, const char *event)
{
    static const char tally[] = "event: tally\n", result[] = "event: result\n";
    static const char data[] = "data: {\"poll\":\"";
    bool is_result = strncmp(event, result, strlen(result)) == 0;
    REQUIRE(is_result ? web->results : strncmp(event, tally, strlen(tally)) == 0);
    event += strlen(is_result ? result : tally);
    uint64_t seq = take_number(&event, "id: ");
    REQUIRE(strncmp(event, data, strlen(data)) == 0);
    char name[PROTO_NAME_MAX + 1];
    size_t len = strcspn(event + strlen(data), "\"");
    REQUIRE(len < sizeof name);
    memcpy(name, event + strlen(data), len);
    name[len] = '\0';
    unsigned poll = poll_index(web, name);
    REQUIRE(web->subscribed_all || web->subscribed[poll]);
    uint64_t *shown = is_result ? &web->shown_results[poll] : &web->shown[poll];
    REQUIRE(seq >= *shown && seq <= tally_peek(web->tally, poll + 1)->seq);
    *shown = seq;
    if (!is_result)
        web->shown_texts[poll] = texts_of(event);
    require_one_line(event);
}

/* Takes an event, which an empty line ends. Returns false if there is no whole one.
 */
static bool take_event(struct web *web)
{
    static const char beat[] = "event: beat\ndata: {\"ledger\":\"";
    const char *end = memmem(web->received, web->received_len, "\n\n", 2);
    if (!end)
        return false;
    size_t len = (size_t)(end - web->received) + 2;
    web->received[len - 1] = '\0'; /* in the place of the empty line's LF */
    if (strncmp(web->received, "retry: ", 7) == 0) {
        const char *at = web->received;
        uint64_t retry_ms = take_number(&at, "retry: ");
        REQUIRE(retry_ms >= 2000 && retry_ms <= 5000 && *at == '\0');
    } else if (strncmp(web->received, beat, strlen(beat)) == 0) {
        require_one_line(web->received + strlen(beat));
    } else {
        take_tally(web, web->received);
    }
    drop(web->received, &web->received_len, len);
    return true;
}

void web_receives(struct web *web, const char *bytes, size_t len)
{
    REQUIRE(!web->over || web->streams);
    web->silent_ms = 0;
    append(&web->received, &web->received_len, bytes, len);
    while (web->received_len > 0 && (web->streams ? take_event(web) : take_reply(web)))
        ;
}

/* A stream is never silent for longer than between two heartbeats. */
void web_pass_time(struct web *web, uint64_t ms, bool listens)
{
    web->waited_ms += ms;
    if (!web->streams || !listens || web->stopped || web->short_of_memory) {
        web->silent_ms = 0;
        return;
    }
    REQUIRE(web->silent_ms < WEB_BEAT_MS);
    web->silent_ms += ms;
}

/* ---- the end ---- */

static void require_newest(const struct web *web)
{
    uint32_t count = tally_poll_count(web->tally);
    for (uint32_t i = 0; i < count; i++) {
        const struct snapshot *newest = tally_peek(web->tally, i + 1);
        if (!web->subscribed_all && !web->subscribed[i])
            continue;
        REQUIRE(web->shown[i] == newest->seq);
        REQUIRE(web->shown_texts[i] == newest->texts_seq);
        REQUIRE(web->shown_results[i] == (web->results ? snapshot_result_seq(newest) : 0));
    }
}

void web_require_told(const struct web *web, bool stopped)
{
    REQUIRE(web->received_len == 0);
    REQUIRE(web->answer_at == web->answer_count);
    REQUIRE(!web->one_too_many || web->over || stopped);
    if (web->streams && !web->ended)
        require_newest(web);
    if (!web->over && !stopped)
        REQUIRE(web->sent_len == 0); /* what was not whole is refused by then */
}
