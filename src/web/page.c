/* The pages. Each is a template and the object that fills it, made here from the poll's JSON: words
 * instead of flags, numbers as people read them, shares of 100. Any thread. What can fail is
 * memory: jansson then returns NULL, which json_pack and json_object_set_new pass on, so that it is
 * asked for once at the end. */
#include "web/page.h"

#include "web/asset.h"
#include "base/log.h"
#include "proto/limits.h"
#include "web/qr.h"
#include "web/template.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    NUMBER_SIZE = 32, /* bytes of a number with its separators, NUL included */
    SHARE_SIZE = 16,  /* bytes of a share of 1 */
    LONG_TITLE = 60,  /* bytes from which a title is set smaller */
};

/* What a bar's length is a share of, and who leads. */
struct counts {
    size_t count;
    uint64_t each[PROTO_CHOICES_MAX];
    unsigned percents[PROTO_CHOICES_MAX];
    uint64_t sum;
    uint64_t most;
};

/* The one that lost most by rounding down, the earlier of equals. */
static size_t greatest(const uint64_t *rests, size_t count)
{
    size_t found = 0;
    for (size_t i = 1; i < count; i++)
        if (rests[i] > rests[found])
            found = i;
    return found;
}

void page_percents(const uint64_t *counts, size_t count, unsigned *percents)
{
    uint64_t rests[PROTO_CHOICES_MAX], sum = 0;
    unsigned left = 100;
    for (size_t i = 0; i < count; i++)
        sum += counts[i];
    for (size_t i = 0; i < count; i++) {
        percents[i] = sum ? (unsigned)(counts[i] * 100 / sum) : 0;
        rests[i] = sum ? counts[i] * 100 % sum : 0;
        left -= percents[i];
    }
    for (; sum && left > 0; left--) {
        size_t next = greatest(rests, count);
        percents[next]++;
        rests[next] = 0;
    }
}

/* 1234567 as 1,234,567. */
static const char *grouped(uint64_t number, char text[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *at = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static uint64_t number_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static bool is_setting(const json_t *poll, const char *setting, const char *value)
{
    const char *is = text_of(json_object_get(poll, "settings"), setting);
    return is && strcmp(is, value) == 0;
}

static void counts_take(struct counts *counts, const json_t *choices)
{
    *counts = (struct counts){.count = json_array_size(choices)};
    INVARIANT(counts->count <= PROTO_CHOICES_MAX);
    for (size_t i = 0; i < counts->count; i++) {
        counts->each[i] = number_of(json_array_get(choices, i), "count");
        counts->sum += counts->each[i];
        if (counts->each[i] > counts->most)
            counts->most = counts->each[i];
    }
    page_percents(counts->each, counts->count, counts->percents);
}

/* A part of all ballots as a share of 1. */
static const char *share_of(const struct counts *counts, uint64_t part, char text[SHARE_SIZE])
{
    snprintf(text, SHARE_SIZE, "%.4f", counts->sum ? (double)part / (double)counts->sum : 0.0);
    return text;
}

/* `before` is the sum of the counts of the choices before this one. */
static json_t *choice_view(const json_t *choice, const struct counts *counts, size_t i,
                           uint64_t before, const char *voted)
{
    char count[NUMBER_SIZE], share[SHARE_SIZE], share_before[SHARE_SIZE];
    const char *name = text_of(choice, "choice");
    /* clang-format off */
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:b, s:b}",
                     "choice", name,
                     "label", text_of(choice, "label"),
                     "count", grouped(counts->each[i], count),
                     "percent", (int)counts->percents[i],
                     "share", share_of(counts, counts->each[i], share),
                     "before", share_of(counts, before, share_before),
                     "leads", counts->most > 0 && counts->each[i] == counts->most,
                     "is_voted", voted && strcmp(voted, name) == 0);
    /* clang-format on */
}

static json_t *choices_view(const json_t *choices, const char *voted)
{
    struct counts counts;
    counts_take(&counts, choices);
    json_t *views = json_array();
    uint64_t before = 0;
    int failed = 0;
    for (size_t i = 0; i < counts.count && !failed; before += counts.each[i++])
        failed = json_array_append_new(
            views, choice_view(json_array_get(choices, i), &counts, i, before, voted));
    if (failed) {
        json_decref(views);
        return NULL;
    }
    return views;
}

/* Who may vote, and how often, for a person. */
static const char *rule_of(const json_t *poll)
{
    if (is_setting(poll, "ballots", "unlimited"))
        return "Vote as often as you like: every ballot counts.";
    if (is_setting(poll, "ballots", "once"))
        return "One ballot each, and it is final.";
    return "One ballot each. You can change it while the poll is open.";
}

/* How much room the big screen gives each choice. */
static const char *density_of(size_t choices)
{
    return choices <= 4 ? "few" : choices <= 7 ? "some" : choices <= 16 ? "many" : "crowd";
}

static const char *label_of(const json_t *poll, const char *choice)
{
    const json_t *choices = json_object_get(poll, "choices");
    for (size_t i = 0; choice && i < json_array_size(choices); i++) {
        const json_t *each = json_array_get(choices, i);
        if (strcmp(text_of(each, "choice"), choice) == 0)
            return text_of(each, "label");
    }
    return NULL;
}

/* What the templates are told of a poll. NULL if memory is short. */
static json_t *poll_view(const json_t *poll, const char *voted)
{
    char ballots[NUMBER_SIZE];
    const json_t *choices = json_object_get(poll, "choices");
    const json_t *settings = json_object_get(poll, "settings");
    const char *title = text_of(poll, "title");
    uint64_t count = number_of(poll, "ballots");
    /* clang-format off */
    return json_pack("{s:s, s:s, s:b, s:I, s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s?, s:o}",
                     "poll", text_of(poll, "poll"),
                     "title", title,
                     "long", strlen(title) >= LONG_TITLE,
                     "seq", (json_int_t)number_of(poll, "seq"),
                     "open", json_is_true(json_object_get(poll, "open")),
                     "hidden", json_is_true(json_object_get(poll, "hidden")),
                     "ballots", grouped(count, ballots),
                     "ballots_word", count == 1 ? "ballot" : "ballots",
                     "ballots_setting", text_of(settings, "ballots"),
                     "voters_setting", text_of(settings, "voters"),
                     "rule", rule_of(poll),
                     "named", is_setting(poll, "voters", "named"),
                     "density", density_of(json_array_size(choices)),
                     "voted", label_of(poll, voted),
                     "choices", choices_view(choices, voted));
    /* clang-format on */
}

/* Renders a template with its data, which it takes over; NULL means that memory was short. */
static int page_render(struct buffer *out, const char *template, json_t *data)
{
    int result = TEMPLATE_NO_MEMORY;
    if (data)
        result = template_render(out, asset_template(template), data);
    json_decref(data);
    return result;
}

static json_t *poll_views(const json_t *polls)
{
    json_t *views = json_array();
    int failed = 0;
    for (size_t i = 0; i < json_array_size(polls) && !failed; i++)
        failed = json_array_append_new(views, poll_view(json_array_get(polls, i), NULL));
    if (failed) {
        json_decref(views);
        return NULL;
    }
    return views;
}

int page_index(struct buffer *out, const json_t *listing)
{
    /* The page's next part is asked for as the listing's, at the page's own path. */
    const char *next = text_of(listing, "next");
    const char *query = next ? strchr(next, '?') : NULL;
    return page_render(out, "index.html",
                       json_pack("{s:o, s:s?}", "polls",
                                 poll_views(json_object_get(listing, "polls")), "next", query));
}

int page_poll(struct buffer *out, const json_t *poll, const char *voted,
              const struct page_form *form)
{
    json_t *view = poll_view(poll, voted);
    if (json_object_set_new(view, "token", json_string(form->token ? form->token : "")) != 0 ||
        json_object_set_new(view, "id", json_string(form->id ? form->id : "")) != 0) {
        json_decref(view);
        return TEMPLATE_NO_MEMORY;
    }
    return page_render(out, "poll.html", view);
}

/* The QR code of a text as a data: URL, which an <img> shows without the page's trust. NULL if
 * memory is short; else the caller's. */
static json_t *qr_image(const char *text)
{
    static const char prefix[] = "data:image/svg+xml;base64,";
    const size_t prefix_len = sizeof(prefix) - 1;
    struct buffer svg = {0}, image = {0};
    json_t *url = NULL;
    if (qr_svg(&svg, text) != 0 || buffer_append(&image, prefix, prefix_len) != 0)
        goto cleanup;
    size_t size = sodium_base64_encoded_len(svg.len, sodium_base64_VARIANT_ORIGINAL);
    char *room = buffer_reserve(&image, size);
    if (!room)
        goto cleanup;
    sodium_bin2base64(room, size, (const unsigned char *)svg.bytes, svg.len,
                      sodium_base64_VARIANT_ORIGINAL);
    url = json_string(image.bytes);
cleanup:
    buffer_free(&image);
    buffer_free(&svg);
    return url;
}

int page_screen(struct buffer *out, const json_t *poll, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t host_len = strcspn(host, "/");
    json_t *view = poll_view(poll, NULL);
    if (json_object_set_new(view, "url", json_string(url)) != 0 ||
        json_object_set_new(view, "host", json_stringn(host, host_len)) != 0 ||
        json_object_set_new(view, "path", json_string(host + host_len)) != 0 ||
        json_object_set_new(view, "qr", qr_image(url)) != 0) {
        json_decref(view);
        return TEMPLATE_NO_MEMORY;
    }
    return page_render(out, "screen.html", view);
}

int page_error(struct buffer *out, int status, const char *title, const char *detail,
               const char *poll)
{
    return page_render(out, "error.html",
                       json_pack("{s:i, s:s, s:s, s:s?}", "status", status, "title", title,
                                 "detail", detail, "poll", poll));
}
