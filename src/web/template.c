/* Pages from templates. Renders in one pass over the text, recursively for sections and for
 * templates in a template. The templates, which are ours, bound the nesting; the data only decides
 * how often a section repeats. Any thread. Memory can be short. Any other failure is a mistake of
 * ours, and tests find it, since they render each page in each of its states. */
#include "web/template.h"

#include "base/log.h"
#include "web/asset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A scope in which names are looked up: a value, and the scope around it. */
struct scope {
    const json_t *value;
    const struct scope *outer;
};

/* One tag, and the text behind it. */
struct tag {
    char kind; /* '#', '^', '/', '>', '!', or 0 for a value */
    struct span name;
    struct span after;
};

static int broken(const char *what, struct span name)
{
    log_error("a page's template is broken: %s tag=%.*s", what, (int)name.len, name.at);
    return TEMPLATE_BROKEN;
}

static struct span between(const char *begin, const char *end)
{
    return (struct span){begin, (size_t)(end - begin)};
}

static int append(struct buffer *out, struct span text)
{
    return buffer_append(out, text.at, text.len) == 0 ? 0 : TEMPLATE_NO_MEMORY;
}

/* The entity of a byte that has a meaning in HTML; NULL if it stands for itself. */
static const char *entity(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static int append_escaped(struct buffer *out, struct span text)
{
    const char *end = text.at + text.len, *plain = text.at;
    for (const char *at = text.at; at < end; at++) {
        const char *instead = entity(*at);
        if (!instead)
            continue;
        if (append(out, between(plain, at)) != 0 ||
            append(out, (struct span){instead, strlen(instead)}) != 0)
            return TEMPLATE_NO_MEMORY;
        plain = at + 1;
    }
    return append(out, between(plain, end));
}

static const json_t *look_up(const struct scope *scope, struct span name)
{
    for (; scope; scope = scope->outer) {
        const json_t *value = json_object_getn(scope->value, name.at, name.len);
        if (value)
            return value;
    }
    return NULL;
}

static int append_value(struct buffer *out, const struct scope *scope, struct span name)
{
    const json_t *value = look_up(scope, name);
    if (json_is_string(value))
        return append_escaped(out,
                              (struct span){json_string_value(value), json_string_length(value)});
    if (!json_is_integer(value))
        return broken(value ? "no text or number" : "no such name", name);

    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return append(out, (struct span){digits, (size_t)len});
}

/* Finds the text's first tag, and the text before it. Returns 1, 0 if there is none, or
 * TEMPLATE_BROKEN. */
static int next_tag(struct span text, struct span *before, struct tag *tag)
{
    const char *open = memmem(text.at, text.len, "{{", 2);
    if (!open)
        return 0;
    const char *name = open + 2, *end = text.at + text.len;
    const char *close = memmem(name, (size_t)(end - name), "}}", 2);
    if (!close || close == name)
        return broken("a tag without an end or a name", between(open, end));

    tag->kind = strchr("#^/>!", *name) ? *name++ : '\0';
    tag->name = between(name, close);
    tag->after = between(close + 2, end);
    *before = between(text.at, open);
    return 1;
}

/* The section that a tag opens: sets `inside`, and leaves in `tag->after` what follows its end. */
static int take_section(struct tag *tag, struct span *inside)
{
    struct span before;
    struct tag next = {.after = tag->after};
    unsigned depth = 1;
    while (depth > 0) {
        int found = next_tag(next.after, &before, &next);
        if (found != 1)
            return found == 0 ? broken("a section without an end", tag->name) : found;
        if (next.kind == '#' || next.kind == '^')
            depth++;
        else if (next.kind == '/')
            depth--;
    }
    if (next.name.len != tag->name.len || memcmp(next.name.at, tag->name.at, next.name.len) != 0)
        return broken("another section's end", next.name);
    *inside = between(tag->after.at, before.at + before.len);
    tag->after = next.after;
    return 0;
}

static bool is_shown(const json_t *value)
{
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return !json_is_false(value) && !json_is_null(value);
}

static int render(struct buffer *out, struct span text, const struct scope *scope);

static int render_section(struct buffer *out, struct tag *tag, const struct scope *scope)
{
    struct span inside;
    int result = take_section(tag, &inside);
    if (result != 0)
        return result;
    const json_t *value = look_up(scope, tag->name);
    if (!value)
        return broken("no such name", tag->name);
    if (is_shown(value) != (tag->kind == '#'))
        return 0;
    if (!json_is_array(value) || tag->kind == '^')
        return render(out, inside, &(struct scope){value, scope});

    for (size_t i = 0; i < json_array_size(value) && result == 0; i++)
        result = render(out, inside, &(struct scope){json_array_get(value, i), scope});
    return result;
}

static int render_template(struct buffer *out, struct span name, const struct scope *scope)
{
    struct span text = asset_template_find(name);
    return text.at ? render(out, text, scope) : broken("no such template", name);
}

static int render_tag(struct buffer *out, struct tag *tag, const struct scope *scope)
{
    switch (tag->kind) {
    case '!':
        return 0;
    case '#':
    case '^':
        return render_section(out, tag, scope);
    case '>':
        return render_template(out, tag->name, scope);
    case '/':
        return broken("an end without a section", tag->name);
    default:
        return append_value(out, scope, tag->name);
    }
}

static int render(struct buffer *out, struct span text, const struct scope *scope)
{
    struct span before;
    struct tag tag = {.after = text};
    int found;
    while ((found = next_tag(tag.after, &before, &tag)) == 1) {
        int result = append(out, before);
        if (result == 0)
            result = render_tag(out, &tag, scope);
        if (result != 0)
            return result;
    }
    return found == 0 ? append(out, tag.after) : found;
}

int template_render(struct buffer *out, struct span text, const json_t *data)
{
    size_t len = out->len;
    int result = render(out, text, &(struct scope){data, NULL});
    if (result != 0)
        out->len = len;
    return result;
}

int template_split(struct span text, const char *name, struct template_parts *parts)
{
    struct span before;
    struct tag tag = {.after = text};
    int found;
    while ((found = next_tag(tag.after, &before, &tag)) == 1) {
        if (tag.kind != '#' && tag.kind != '^')
            continue;
        bool is_it = tag.kind == '#' && span_is(tag.name, name);
        parts->before = between(text.at, before.at + before.len);
        int result = take_section(&tag, &parts->inside);
        parts->after = tag.after;
        if (result != 0 || is_it)
            return result;
    }
    return found == 0 ? broken("no such section", text) : found;
}
