/* Refusals for HTTP. Any thread. Memory can be short. Details are the server's own texts, and so
 * UTF-8. */
#include "web/problem.h"

#include "json/json_write.h"
#include "proto/http.h"

int problem_append(struct buffer *out, int status, const char *code, const char *detail,
                   uint64_t seq)
{
    struct json_writer json = json_write_begin(out);
    json_write_open(&json, '{');
    json_write_name(&json, "type");
    json_write_string(&json, "about:blank");
    json_write_name(&json, "title");
    json_write_string(&json, http_reason(status));
    json_write_name(&json, "status");
    json_write_number(&json, (uint64_t)status);
    if (code) {
        json_write_name(&json, "code");
        json_write_string(&json, code);
    }
    if (detail) {
        json_write_name(&json, "detail");
        json_write_string(&json, detail);
    }
    if (seq > 0) {
        json_write_name(&json, "seq");
        json_write_number(&json, seq);
    }
    json_write_close(&json, '}');
    return json_write_finish(&json);
}
