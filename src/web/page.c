/* The pages. Each is a template and the object that fills it (page_data.c). Any thread. Memory can
 * be short: jansson then returns NULL, which json_pack and json_object_set_new pass on, so one
 * check at the end will do. */
#include "web/page.h"

#include "web/asset.h"
#include "web/page_result.h"
#include "web/qr.h"
#include "web/template.h"
#include "web/words.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

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
    json_t *data = page_data_of_poll(place, snapshot, NULL);
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

int page_poll(struct buffer *out, const struct page_place *place, struct snapshot *snapshot,
              const struct page_reader *reader)
{
    const bool is_closed = strcmp(snapshot_state(snapshot), "closed") == 0;
    json_t *data = page_data_of_poll(place, snapshot, reader);
    if (json_object_set_new(data, "result", is_closed ? page_result_data(snapshot) : json_null()) !=
        0) {
        json_decref(data);
        return TEMPLATE_NO_MEMORY;
    }
    return page_render(out, "poll.html", data);
}

/* What a voter is asked about: `Vote for`, `Abstain`. */
static const char *question_verb(const struct poll *poll, const struct marks *marks)
{
    const unsigned kind = poll_setting(poll, SETTING_KIND);
    if (marks->abstains)
        return "Abstain";
    return kind == KIND_SINGLE || kind == KIND_APPROVAL ? "Vote for" : "Send";
}

int page_confirm(struct buffer *out, const struct page_place *place,
                 const struct snapshot *snapshot, const struct page_reader *reader,
                 const struct marks *marks, const char *voter)
{
    const struct poll *poll = snapshot->poll;
    struct words name = {0};
    if (!marks->abstains)
        words_add_ballot(&name, snapshot, marks);
    /* clang-format off */
    return page_render(out, "confirm.html",
                       json_pack("{s:s, s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:s?, s:s?}",
                                 "root", place->root,
                                 "poll", poll->name.text,
                                 "title", page_data_text(snapshot_title(snapshot)),
                                 "ask", question_verb(poll, marks),
                                 "name", words_end(&name),
                                 "words_dir", page_data_words_dir(poll),
                                 "ballot", page_data_ballot(poll, marks),
                                 "voter", page_data_text((struct span){voter, strlen(voter)}),
                                 "token", reader->token,
                                 "id", reader->id));
    /* clang-format on */
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

int page_screen(struct buffer *out, const struct page_place *place, struct snapshot *snapshot,
                const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t host_len = strcspn(host, "/");
    json_t *data = page_data_of_poll(place, snapshot, NULL);
    if (json_object_set_new(data, "result", page_result_data(snapshot)) != 0 ||
        json_object_set_new(data, "url", json_string(url)) != 0 ||
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
