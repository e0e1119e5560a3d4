/* Values of requests, taken apart. Any thread. Only the failures named in the header can happen: a
 * malformed part is skipped, or matches nothing. */
#include "proto/http_value.h"

#include "proto/ascii.h"

#include <string.h>

/* ---- Pieces ---- */

/* Like span_cut, but ignores marks inside quotes. In a quoted string `\` keeps the next character
 * from ending it; in an entity tag it is a character like any other. */
static struct span cut_quoted(struct span *rest, char mark, bool backslash_quotes)
{
    bool quoted = false;
    size_t len = 0;
    for (; len < rest->len; len++) {
        char c = rest->at[len];
        if (c == mark && !quoted)
            break;
        if (c == '"')
            quoted = !quoted;
        else if (c == '\\' && quoted && backslash_quotes && len + 1 < rest->len)
            len++;
    }
    struct span piece = {rest->at, len};
    size_t taken = len + (len < rest->len ? 1 : 0);
    rest->at += taken;
    rest->len -= taken;
    return span_trim(piece);
}

/* ---- Forms ---- */

bool http_next_pair(struct span *rest, struct span *name, struct span *value)
{
    while (rest->len > 0) {
        struct span pair = span_cut(rest, '&');
        if (pair.len == 0)
            continue;
        *name = span_cut(&pair, '=');
        *value = pair;
        return true;
    }
    return false;
}

static int hex_digit(char c)
{
    char folded = ascii_fold(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

/* The byte that %XX stands for; -1 if it stands for none. */
static int decode_escape(const char *at, size_t room)
{
    if (room < 3)
        return -1;
    int high = hex_digit(at[1]), low = hex_digit(at[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int http_decode(struct span raw, bool plus_is_space, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.at[i];
        if (c == '%') {
            c = decode_escape(raw.at + i, raw.len - i);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c <= 0 || len + 1 >= size)
            return -1;
        out[len++] = (char)c;
    }
    if (size == 0)
        return -1;
    out[len] = '\0';
    return (int)len;
}

/* ---- Cookies ---- */

bool http_next_cookie(struct span *rest, const char *name, struct span *value)
{
    while (rest->len > 0) {
        struct span pair = span_trim(span_cut(rest, ';'));
        const char *equals = pair.len > 0 ? memchr(pair.at, '=', pair.len) : NULL;
        if (!equals || !span_is((struct span){pair.at, (size_t)(equals - pair.at)}, name))
            continue;
        *value = (struct span){equals + 1, pair.len - (size_t)(equals - pair.at) - 1};
        return true;
    }
    return false;
}

/* ---- Lists ---- */

bool http_next_item(struct span *rest, struct span *item)
{
    if (!rest->at)
        return false;
    const char *end = rest->at + rest->len;
    *item = span_cut(rest, ',');
    if (item->at + item->len == end)
        rest->at = NULL;
    *item = span_trim(*item);
    return true;
}

enum { WEIGHT_WHOLE = 1000 }; /* q=1 */

/* A weight in thousandths: 0.5 is 500. A malformed one counts as 1. */
static int read_weight(struct span weight)
{
    int thousandths = 0;
    if (weight.len == 0 || weight.len > 5 || weight.at[0] != '0')
        return WEIGHT_WHOLE;
    for (size_t i = 1, place = 100; i < weight.len; i++) {
        if (i == 1 && weight.at[i] == '.')
            continue;
        if (i == 1 || weight.at[i] < '0' || weight.at[i] > '9')
            return WEIGHT_WHOLE;
        thousandths += (weight.at[i] - '0') * (int)place;
        place /= 10;
    }
    return thousandths;
}

/* The weight that its parameters give an item. */
static int weight_of(struct span parameters)
{
    while (parameters.len > 0) {
        struct span parameter = cut_quoted(&parameters, ';', true);
        struct span name = span_trim(span_cut(&parameter, '='));
        if (span_is_nocase(name, "q"))
            return read_weight(span_trim(parameter));
    }
    return WEIGHT_WHOLE;
}

/* Whether an item is a type's group and a star: `text/` and a star, of text/html. */
static bool is_group(struct span item, const char *type, size_t group_len)
{
    if (item.len != group_len + 1 || item.at[group_len] != '*')
        return false;
    for (size_t i = 0; i < group_len; i++)
        if (ascii_fold(item.at[i]) != type[i])
            return false;
    return true;
}

/* How exactly an item of a list names a type: 3 itself, 2 its group, 1 everything, 0 not at all. */
static int exactness(struct span item, const char *type)
{
    const char *slash = strchr(type, '/');
    if (span_is_nocase(item, type))
        return 3;
    if (!slash)
        return span_is(item, "*") ? 1 : 0;
    if (is_group(item, type, (size_t)(slash - type) + 1))
        return 2;
    return span_is(item, "*/*") ? 1 : 0;
}

/* How a list takes a type. */
struct acceptance {
    int exact;  /* exactness of the item that decides */
    int weight; /* in thousandths; 0 if it is refused, or not listed */
};

/* The item that names the type most exactly decides; of two equally exact items, the first. */
static struct acceptance find_acceptance(struct span list, const char *type)
{
    struct acceptance best = {0};
    while (list.len > 0) {
        struct span rest = cut_quoted(&list, ',', true);
        int exact = exactness(span_trim(span_cut(&rest, ';')), type);
        if (exact > best.exact)
            best = (struct acceptance){exact, weight_of(rest)};
    }
    return best;
}

bool http_accepts(struct span header, const char *type)
{
    if (!header.at)
        return strchr(type, '/') != NULL;
    return find_acceptance(header, type).weight > 0;
}

bool http_prefers_html(struct span accept)
{
    struct acceptance html = find_acceptance(accept, "text/html");
    return html.exact == 3 && html.weight > 0 &&
           html.weight >= find_acceptance(accept, "application/json").weight;
}

bool http_type_is(struct span content_type, const char *type)
{
    struct span rest = content_type;
    if (!rest.at)
        return false;
    struct span name = span_trim(span_cut(&rest, ';'));
    return span_is_nocase(name, type);
}

/* An entity tag without the mark that says it is weak. */
static struct span opaque(struct span tag)
{
    if (tag.len >= 2 && memcmp(tag.at, "W/", 2) == 0)
        return (struct span){tag.at + 2, tag.len - 2};
    return tag;
}

bool http_etag_matches(struct span if_none_match, const char *etag)
{
    struct span own = opaque((struct span){etag, strlen(etag)});
    if (span_is(span_trim(if_none_match), "*"))
        return true;
    while (if_none_match.len > 0) {
        struct span tag = opaque(cut_quoted(&if_none_match, ',', false));
        if (tag.len == own.len && memcmp(tag.at, own.at, own.len) == 0)
            return true;
    }
    return false;
}
