/* The web's clients of the session's fuzzer: what each sent, hence what it must be told.
 * fuzz_peer.c hands over what concerns them. Requests are told apart by the codec, which has a
 * fuzzer of its own (fuzz_http.c); replies and events by a reader of their own here. */
#ifndef TALLYCAST_FUZZ_WEB_H
#define TALLYCAST_FUZZ_WEB_H

#include "tests/fuzz/fuzz_ledger.h"
#include "proto/http.h"

enum { WEB_REQUEST_TIMEOUT_MS = 10000, WEB_BEAT_MS = 15000 /* doc/HTTP.md */ };

/* One client. */
struct web {
    bool one_too_many; /* is told so, and closed */
    bool ended;        /* it half-closed */
    bool over;         /* no reply may come any more */
    bool streams;      /* is sent events */
    bool stopped;      /* the server stops: it may be refused */
    bool short_of_memory;
    uint64_t waited_ms; /* since it began to send what is not answered */
    uint64_t silent_ms; /* since it was sent something, or what it takes changed */
    char *sent;         /* owned; what it sent, from the first request that has no reply on */
    size_t sent_len;
    char *received; /* owned; what it was sent, from the first reply on that is not whole */
    size_t received_len;
    struct answer *answers; /* owned; the ledger's */
    size_t answer_count, answer_at;
    struct tally *tally;
    bool subscribed_all;
    bool subscribed[FUZZ_POLLS_MAX];
    uint64_t shown[FUZZ_POLLS_MAX]; /* the newest tally, by sequence */
    uint64_t shown_texts[FUZZ_POLLS_MAX];
    bool results; /* are among the events */
    uint64_t shown_results[FUZZ_POLLS_MAX];
};

void web_free(struct web *web);
void web_sends(struct web *web, const char *bytes, size_t len);
void web_answered(struct web *web, const struct answer *answer);
void web_receives(struct web *web, const char *bytes, size_t len);
/* Time is about to pass, for a client of a server that has done what it could until now. Whether it
 * `listens`: takes everything, and nothing came between. */
void web_pass_time(struct web *web, uint64_t ms, bool listens);
/* All that was to be said was; unless the server `stopped`, every request has its reply. */
void web_require_told(const struct web *web, bool stopped);

#endif
