/* JSON values → text. jansson escapes; here its pieces are gathered. Any thread. Memory can be
 * short, nothing else fails: a value that was built has valid strings and no cycle. */
#include "json/json.h"

static int append_piece(const char *bytes, size_t len, void *out)
{
    return buffer_append(out, bytes, len);
}

int json_append(struct buffer *out, const json_t *json)
{
    size_t before = out->len;
    if (json && json_dump_callback(json, append_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        return 0;
    out->len = before;
    return -1;
}

int json_append_new(struct buffer *out, json_t *json)
{
    int result = json_append(out, json);
    json_decref(json);
    return result;
}
