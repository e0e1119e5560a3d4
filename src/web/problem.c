/* Refusals for HTTP. Any thread. Memory can be short. A detail that is no UTF-8 counts as that:
 * those that the server has are its own texts. */
#include "web/problem.h"

#include "json/json.h"
#include "proto/http.h"

int problem_append(struct buffer *out, int status, const char *code, const char *detail,
                   uint64_t seq)
{
    json_t *problem = json_pack("{ss ss si}", "type", "about:blank", "title", http_reason(status),
                                "status", status);
    bool failed = !problem;
    if (code)
        failed |= json_object_set_new(problem, "code", json_string(code)) != 0;
    if (detail)
        failed |= json_object_set_new(problem, "detail", json_string(detail)) != 0;
    if (seq > 0)
        failed |= json_object_set_new(problem, "seq", json_integer((json_int_t)seq)) != 0;
    int result = failed ? -1 : json_append(out, problem);
    json_decref(problem);
    return result;
}
