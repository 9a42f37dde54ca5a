/* JSON: whatever text is quoted is one JSON string that means the text; a check of any bytes ends, and says why it refuses. */

#include "base/utf8.h"
#include "wire/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    struct err err = {0};
    int rv = json_check(in, 8, &err);
    MUST(rv == 0 || (rv == ERR_ARG && err.rule[0] && err.text[0]));
    if (rv == 0) {
        MUST(utf8_valid(in));
        MUST(json_check(in, 9, NULL) == 0);
    }
    if (utf8_valid(in)) {
        struct buf out = {0};
        MUST(json_quote(in, &out) == 0);
        MUST(json_check(buf_view(&out), 0, NULL) == 0);
        json_t *read = json_loadb(out.data, out.len, JSON_DECODE_ANY, NULL);
        MUST(json_is_string(read));
        MUST(slice_eq((struct slice){json_string_value(read), json_string_length(read)}, in));
        json_decref(read);
        struct buf tight;
        buf_init(&tight, out.len - 1);
        MUST(json_quote(in, &tight) == ERR_TOOBIG && tight.len == 0);
        buf_close(&tight);
        buf_close(&out);
    }
    return 0;
}
