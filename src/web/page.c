/* The pages. Each is a template and the object that fills it, made here from the poll's snapshot:
 * words instead of flags, numbers as people read them, shares of 100. Any thread. Memory can be
 * short: jansson then returns NULL, which json_pack and json_object_set_new pass on, so one check
 * at the end will do. */
#include "web/page.h"

#include "web/asset.h"
#include "base/log.h"
#include "proto/limits.h"
#include "proto/line.h"
#include "web/qr.h"
#include "web/template.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    NUMBER_SIZE = 32, /* bytes of a number with its separators, NUL included */
    SHARE_SIZE = 16,  /* bytes of a share of 1 */
    LONG_TITLE = 60,  /* bytes from which a title is set smaller */
};

/* The numbers that bars are drawn by: the total that their lengths are shares of, and the
 * leader. */
struct counts {
    size_t count;
    uint64_t each[PROTO_CHOICES_MAX];
    unsigned percents[PROTO_CHOICES_MAX];
    uint64_t sum;
    uint64_t most;
};

/* The index of the greatest rest; of equals, the earliest. */
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

static bool is_setting(const struct snapshot *snapshot, enum setting setting, unsigned value)
{
    return poll_setting(snapshot->poll, setting) == value;
}

/* Hidden counts stand as none. */
static void counts_take(struct counts *counts, const struct tally_view *view)
{
    *counts = (struct counts){.count = view->choice_count};
    INVARIANT(counts->count <= PROTO_CHOICES_MAX);
    for (size_t i = 0; i < counts->count; i++) {
        counts->each[i] = view->hidden ? 0 : view->counts[i];
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

/* A title or label. Only a hand-edited database can hold one that is no text. NULL if memory is
 * short. */
static json_t *text_data(struct span text)
{
    return line_is_text(text.at, text.len) ? json_stringn(text.at, text.len)
                                           : json_string("\xef\xbf\xbd");
}

/* `before` is the sum of the counts of the choices before this one. */
static json_t *choice_data(const struct snapshot *snapshot, const struct counts *counts, unsigned i,
                           uint64_t before, bool voted)
{
    char count[NUMBER_SIZE], share[SHARE_SIZE], share_before[SHARE_SIZE];
    /* clang-format off */
    return json_pack("{s:s, s:o, s:s, s:i, s:s, s:s, s:b, s:b}",
                     "choice", snapshot->poll->choices[i].text,
                     "label", text_data(snapshot_label(snapshot, i)),
                     "count", grouped(counts->each[i], count),
                     "percent", (int)counts->percents[i],
                     "share", share_of(counts, counts->each[i], share),
                     "before", share_of(counts, before, share_before),
                     "leads", counts->most > 0 && counts->each[i] == counts->most,
                     "is_voted", voted);
    /* clang-format on */
}

static json_t *choices_data(const struct snapshot *snapshot, const struct tally_view *view,
                            int voted)
{
    struct counts counts;
    counts_take(&counts, view);
    json_t *choices = json_array();
    uint64_t before = 0;
    int failed = 0;
    for (unsigned i = 0; i < counts.count && !failed; before += counts.each[i++])
        failed = json_array_append_new(choices,
                                       choice_data(snapshot, &counts, i, before, voted == (int)i));
    if (failed) {
        json_decref(choices);
        return NULL;
    }
    return choices;
}

/* The rule, for a person, that says who may vote and how often. */
static const char *rule_of(const struct snapshot *snapshot)
{
    if (is_setting(snapshot, SETTING_BALLOTS, BALLOTS_UNLIMITED))
        return "Vote as often as you like: every ballot counts.";
    if (is_setting(snapshot, SETTING_BALLOTS, BALLOTS_ONCE))
        return "One ballot each, and it is final.";
    return "One ballot each. You can change it while the poll is open.";
}

/* The class for how much room the big screen gives each choice. */
static const char *density_of(size_t choices)
{
    return choices <= 4 ? "few" : choices <= 7 ? "some" : choices <= 16 ? "many" : "crowd";
}

static const char *setting_text(const struct snapshot *snapshot, enum setting setting)
{
    return setting_value_name(setting, poll_setting(snapshot->poll, setting));
}

/* A poll's data for the templates. NULL if memory is short. */
static json_t *poll_data(const struct page_place *place, const struct snapshot *snapshot, int voted)
{
    char ballots[NUMBER_SIZE];
    struct tally_view view;
    snapshot_view(snapshot, &view);
    const struct span title = snapshot_title(snapshot);
    const char *state = snapshot_state(snapshot);
    /* clang-format off */
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:b, s:I, s:s, s:b, s:b, s:b, s:b, s:s, s:s, s:s, "
                     "s:s, s:s, s:b, s:b, s:s, s:o, s:o}",
                     "root", place->root,
                     "poll", view.poll,
                     "ledger", place->ledger,
                     "texts", (json_int_t)snapshot->texts_seq,
                     "title", text_data(title),
                     "long", title.len >= LONG_TITLE,
                     "seq", (json_int_t)view.seq,
                     "state", state,
                     "waiting", strcmp(state, "waiting") == 0,
                     "open", view.open,
                     "closed", strcmp(state, "closed") == 0,
                     "hidden", view.hidden,
                     "ballots", grouped(view.ballots, ballots),
                     "ballots_word", view.ballots == 1 ? "ballot" : "ballots",
                     "ballots_setting", setting_text(snapshot, SETTING_BALLOTS),
                     "voters_setting", setting_text(snapshot, SETTING_VOTERS),
                     "rule", rule_of(snapshot),
                     "named", is_setting(snapshot, SETTING_VOTERS, VOTERS_NAMED),
                     "final", is_setting(snapshot, SETTING_BALLOTS, BALLOTS_ONCE),
                     "density", density_of(view.choice_count),
                     "voted", voted < 0 ? json_null()
                                        : text_data(snapshot_label(snapshot, (unsigned)voted)),
                     "choices", choices_data(snapshot, &view, voted));
    /* clang-format on */
}

/* Renders a template with its data, and takes over the data; NULL data means that memory was
 * short. */
static int page_render(struct buffer *out, const char *template, json_t *data)
{
    int result = TEMPLATE_NO_MEMORY;
    if (data)
        result = template_render(out, asset_template(template), data);
    json_decref(data);
    return result;
}

/* A poll's card in the list of polls, made once a snapshot, since all readers of the list see the
 * same. NULL if it can't be made, with *result set to an enum template_result. */
static const struct rendering *card_of(struct span card, const struct page_place *place,
                                       struct snapshot *snapshot, int *result)
{
    const struct rendering *made = snapshot_rendering(snapshot, RENDERING_CARD);
    if (made)
        return made;
    struct buffer html = {0};
    json_t *data = poll_data(place, snapshot, -1);
    *result = data ? template_render(&html, card, data) : TEMPLATE_NO_MEMORY;
    json_decref(data);
    if (*result == 0) {
        made = snapshot_keep_rendering(snapshot, RENDERING_CARD, html.bytes, html.len);
        *result = made ? 0 : TEMPLATE_NO_MEMORY;
    }
    buffer_free(&html);
    return made;
}

static int append_cards(struct buffer *out, struct span card, const struct page_place *place,
                        const struct page_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        int result;
        const struct rendering *made = card_of(card, place, list->snapshots[i], &result);
        if (!made)
            return result;
        if (buffer_append(out, made->bytes, made->len) != 0)
            return TEMPLATE_NO_MEMORY;
    }
    return 0;
}

int page_index(struct buffer *out, const struct page_place *place, const struct page_list *list)
{
    size_t len = out->len;
    struct template_parts parts;
    json_t *data = json_pack("{s:s, s:b, s:s, s:s?}", "root", place->root, "polls", list->count > 0,
                             "since", list->since, "next", list->next);
    int result =
        data ? template_split(asset_template("index.html"), "polls", &parts) : TEMPLATE_NO_MEMORY;
    if (result == 0)
        result = template_render(out, parts.before, data);
    if (result == 0)
        result = append_cards(out, parts.inside, place, list);
    if (result == 0)
        result = template_render(out, parts.after, data);
    json_decref(data);
    if (result != 0)
        out->len = len;
    return result;
}

int page_poll(struct buffer *out, const struct page_place *place, const struct snapshot *snapshot,
              const struct page_reader *reader)
{
    json_t *data = poll_data(place, snapshot, reader->voted);
    if (json_object_set_new(data, "own", json_integer((json_int_t)reader->seq)) != 0 ||
        json_object_set_new(data, "token", json_string(reader->token ? reader->token : "")) != 0 ||
        json_object_set_new(data, "id", json_string(reader->id ? reader->id : "")) != 0) {
        json_decref(data);
        return TEMPLATE_NO_MEMORY;
    }
    return page_render(out, "poll.html", data);
}

int page_confirm(struct buffer *out, const struct page_place *place,
                 const struct snapshot *snapshot, const struct page_reader *reader, int choice,
                 const char *voter)
{
    const struct poll *poll = snapshot->poll;
    return page_render(out, "confirm.html",
                       json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s?, s:s?}", "root", place->root,
                                 "poll", poll->name.text, "title",
                                 text_data(snapshot_title(snapshot)), "choice",
                                 poll->choices[choice].text, "label",
                                 text_data(snapshot_label(snapshot, (unsigned)choice)), "voter",
                                 text_data((struct span){voter, strlen(voter)}), "token",
                                 reader->token, "id", reader->id));
}

/* The QR code of a text as a data: URL, which an <img> shows without the page having to trust it.
 * The caller owns it; NULL if memory is short. */
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

/* Whether a host, with or without a port, means the asker's own computer. */
static bool is_loopback(const char *host, size_t len)
{
    char text[sizeof "255.255.255.255"] = "";
    struct in_addr address;
    size_t name_len = strcspn(host, ":/");
    if (len >= 5 && memcmp(host, "[::1]", 5) == 0)
        return true;
    if (name_len == 9 && strncasecmp(host, "localhost", name_len) == 0)
        return true;
    if (name_len >= sizeof text)
        return false;
    memcpy(text, host, name_len);
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

int page_screen(struct buffer *out, const struct page_place *place, const struct snapshot *snapshot,
                const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t host_len = strcspn(host, "/");
    json_t *data = poll_data(place, snapshot, -1);
    if (json_object_set_new(data, "url", json_string(url)) != 0 ||
        json_object_set_new(data, "host", json_stringn(host, host_len)) != 0 ||
        json_object_set_new(data, "path", json_string(host + host_len)) != 0 ||
        json_object_set_new(data, "local", json_boolean(is_loopback(host, host_len))) != 0 ||
        json_object_set_new(data, "qr", qr_image(url)) != 0) {
        json_decref(data);
        return TEMPLATE_NO_MEMORY;
    }
    return page_render(out, "screen.html", data);
}

int page_error(struct buffer *out, const struct page_place *place, int status, const char *title,
               const char *detail, const char *poll)
{
    return page_render(out, "error.html",
                       json_pack("{s:s, s:i, s:s, s:s, s:s?}", "root", place->root, "status",
                                 status, "title", title, "detail", detail, "poll", poll));
}
