#include "wire/codec.h"

#include "wire/line.h"
#include "wire/render.h"
#include "wire/resp.h"

#include <string.h>

/* A web page can make a browser send "GET / HTTP/1.1" and header lines to any port. Some of those lines would read as
 * a command, so the first one that looks like HTTP ends the connection, before its words are even looked at. */

enum codec_form codec_choose(char first_byte)
{
    char lower = (char)(first_byte | 0x20);
    if (first_byte == '*')
        return CODEC_RESP;
    return lower >= 'a' && lower <= 'z' ? CODEC_LINE : CODEC_NONE;
}

/* A header's first word ends with ':'; a request's last word is its HTTP version. */
static bool is_http(struct slice line)
{
    while (line.len && line.data[line.len - 1] == ' ')
        line.len--;
    if (line.len == 0)
        return false;
    const char *space = memchr(line.data, ' ', line.len);
    size_t first = space ? (size_t)(space - line.data) : line.len;
    if (first && line.data[first - 1] == ':')
        return true;
    const char *last = memrchr(line.data, ' ', line.len);
    return last && line.data + line.len - last > 5 && memcmp(last + 1, "HTTP/", 5) == 0;
}

static long parse_line(struct slice in, const struct wire_limits *limits, struct message *m, struct err *err)
{
    const char *lf = in.len ? memchr(in.data, '\n', in.len) : NULL;
    struct slice line = {in.data, lf ? (size_t)(lf - in.data) : 0};
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    /* A line that is too long is refused for that, so that the answer does not depend on how much of it has come. */
    if (line.len <= limits->line_bytes && is_http(line))
        return err_rule(err, ERR_PROTO, "http", NULL, "this is not an HTTP server; use a Redis client or plain lines");
    return line_parse(in, limits, m, err);
}

long codec_parse(enum codec_form form, struct slice in, const struct wire_limits *limits, struct message *m,
                 struct err *err)
{
    switch (form) {
    case CODEC_RESP:
        return resp_parse(in, limits, m, err);
    case CODEC_LINE:
        return parse_line(in, limits, m, err);
    default:
        return err_rule(err, ERR_PROTO, "proto.form", NULL,
                        "the first byte is of no known form; begin with '*' (RESP) or a letter (plain line)");
    }
}

int codec_render(enum codec_form form, int proto, struct slice canonical, struct buf *out)
{
    return form == CODEC_RESP && proto == 3 ? render_resp3(canonical, out) : render_resp2(canonical, out);
}
