/* RESP requests: limits hold, a verdict never changes when more bytes come, and every accepted request has one spelling. */

#include "wire/resp.h"

#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

enum { PREFIX_BYTES = 200 };

static struct message m;
static struct buf again;

static void check_whole(struct slice in, const struct wire_limits *limits, long used)
{
    size_t sum = 0;
    MUST((size_t)used <= in.len && m.nargs <= limits->args);
    buf_clear(&again);
    buf_fmt(&again, "*%d\r\n", m.nargs);
    for (int i = 0; i < m.nargs; i++) {
        sum += m.args[i].len;
        MUST(m.args[i].data >= in.data && m.args[i].data + m.args[i].len <= in.data + used);
        buf_fmt(&again, "$%zu\r\n", m.args[i].len);
        buf_slice(&again, m.args[i]);
        buf_text(&again, "\r\n");
    }
    MUST(sum <= limits->message_bytes);
    MUST(slice_eq(buf_view(&again), (struct slice){in.data, (size_t)used}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wire_limits limits = {
        .line_bytes = 4 + data[0] % 60, .message_bytes = data[0] * 4u, .args = 1 + data[0] % 16};
    struct slice in = {(const char *)data + 1, size - 1};
    struct err err = {0};
    long verdict = resp_parse(in, &limits, &m, &err);
    if (verdict > 0)
        check_whole(in, &limits, verdict);
    else if (verdict < 0)
        MUST((verdict == ERR_PROTO || verdict == ERR_TOOBIG) && err.rule[0] && err.text[0]);
    int before = 0;
    for (size_t n = 0; n <= in.len && n <= PREFIX_BYTES; n++) {
        long rv = resp_parse((struct slice){in.data, n}, &limits, &m, NULL);
        MUST(rv == 0 || rv == verdict);
        MUST(m.nargs >= before);
        before = m.nargs;
    }
    return 0;
}
