/* Plain lines: limits hold, a verdict never changes when more bytes come, and words quoted anew are the same words. */

#include "wire/codec.h"
#include "wire/line.h"

#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

enum { PREFIX_BYTES = 200 };

static struct message m, again;
static struct buf quoted;

/* Every byte as \xHH: whatever the words are, this line means them. */
static void check_requoted(void)
{
    buf_clear(&quoted);
    for (int i = 0; i < m.nargs; i++) {
        buf_text(&quoted, "\"");
        for (size_t k = 0; k < m.args[i].len; k++)
            buf_fmt(&quoted, "\\x%02x", (unsigned char)m.args[i].data[k]);
        buf_text(&quoted, "\" ");
    }
    MUST(line_split(buf_view(&quoted), &again, NULL) == 0);
    MUST(again.nargs == m.nargs);
    for (int i = 0; i < m.nargs; i++)
        MUST(slice_eq(again.args[i], m.args[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wire_limits limits = {.line_bytes = data[0], .message_bytes = data[0], .args = 1 + data[0] % 16};
    struct slice in = {(const char *)data + 1, size - 1};
    struct err err = {0};
    long verdict = codec_parse(CODEC_LINE, in, &limits, &m, &err);
    if (verdict > 0) {
        size_t sum = 0;
        for (int i = 0; i < m.nargs; i++)
            sum += m.args[i].len;
        MUST(m.nargs <= limits.args && sum <= limits.message_bytes);
        MUST((size_t)verdict <= in.len && in.data[verdict - 1] == '\n' && !memchr(in.data, '\n', (size_t)verdict - 1));
        check_requoted();
    } else if (verdict < 0) {
        MUST((verdict == ERR_PROTO || verdict == ERR_TOOBIG) && err.rule[0] && err.text[0]);
    }
    for (size_t n = 0; n <= in.len && n <= PREFIX_BYTES; n++) {
        long rv = codec_parse(CODEC_LINE, (struct slice){in.data, n}, &limits, &again, NULL);
        MUST(rv == 0 || rv == verdict);
    }
    int rv = line_split(in, &again, NULL);
    MUST(rv == 0 || rv == ERR_ARG);
    return 0;
}
