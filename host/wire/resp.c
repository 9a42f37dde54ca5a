#include "wire/resp.h"

/* `*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n`: every size is announced before its bytes, so everything too large is refused
 * while only its header has come, and nothing is ever buffered on a client's promise alone. Numbers are plain decimal
 * digits: no sign, space or leading zero, so that no two parsers can read one request in two ways. */

struct bound {
    size_t left;  /* what this number may still be */
    size_t limit; /* the whole limit, for the words */
    const char *rule;
    const char *what;
};

/* More than any limit, and small enough that ten times it does not overflow. */
static const size_t CEILING = (size_t)1 << 56;

static int refuse(struct err *err, const char *expected, char got)
{
    unsigned char byte = (unsigned char)got;
    return err_rule(err, ERR_PROTO, "proto.resp", NULL,
                    byte > 0x20 && byte < 0x7F ? "expected %s, got '%c'; send an array of bulk strings"
                                               : "expected %s, got byte 0x%02x; send an array of bulk strings",
                    expected, byte);
}

static int too_big(struct err *err, const struct bound *bound)
{
    return err_rule(err, ERR_TOOBIG, bound->rule, NULL, "a request may have at most %zu %s", bound->limit, bound->what);
}

/* Read "<prefix><digits>\r\n". Bytes consumed, 0 when more are needed, or a negative code as soon as that is certain.
 * */
static long header(struct slice in, char prefix, size_t line_bytes, const struct bound *bound, size_t *value,
                   struct err *err)
{
    size_t max = bound->left < CEILING ? bound->left : CEILING;
    size_t at = 1, n = 0;
    if (in.len == 0)
        return 0;
    if (in.data[0] != prefix)
        return refuse(err, prefix == '*' ? "'*' and a count" : "'$' and a length", in.data[0]);
    for (; at < in.len && in.data[at] >= '0' && in.data[at] <= '9'; at++) {
        if (at > 1 && n == 0)
            return refuse(err, "a number without leading zeros", in.data[at]);
        n = n * 10 + (size_t)(in.data[at] - '0');
        if (n > max)
            return too_big(err, bound);
        if (at > line_bytes)
            return too_big(err, &(struct bound){0, line_bytes, "proto.line_bytes", "bytes in a header line"});
    }
    if (at == in.len)
        return 0;
    if (at == 1 || in.data[at] != '\r')
        return refuse(err, at == 1 ? "a digit" : "a digit or CR LF", in.data[at]);
    if (at + 1 == in.len)
        return 0;
    if (in.data[at + 1] != '\n')
        return refuse(err, "LF after CR", in.data[at + 1]);
    *value = n;
    return (long)at + 2;
}

/* Read one bulk string of at most `bound`. Returns as header does. */
static long bulk(struct slice in, size_t line_bytes, const struct bound *bound, struct slice *arg, struct err *err)
{
    size_t len;
    long rv = header(in, '$', line_bytes, bound, &len, err);
    if (rv <= 0)
        return rv;
    size_t at = (size_t)rv;
    *arg = (struct slice){in.data + at, len};
    if (in.len - at <= len)
        return 0;
    if (in.data[at + len] != '\r')
        return refuse(err, "CR LF after the announced length", in.data[at + len]);
    if (in.len - at - len == 1)
        return 0;
    if (in.data[at + len + 1] != '\n')
        return refuse(err, "LF after CR", in.data[at + len + 1]);
    return (long)(at + len + 2);
}

long resp_parse(struct slice in, const struct wire_limits *limits, struct message *m, struct err *err)
{
    message_clear(m);
    size_t most = limits->args > 0 ? (size_t)limits->args : 0;
    struct bound args = {most, most, "proto.args", "arguments"};
    struct bound bytes = {limits->message_bytes, limits->message_bytes, "proto.message_bytes",
                          "bytes in all arguments together"};
    size_t count;
    long rv = header(in, '*', limits->line_bytes, &args, &count, err);
    if (rv <= 0)
        return rv;
    size_t at = (size_t)rv;
    for (size_t i = 0; i < count; i++) {
        struct slice arg;
        rv = bulk((struct slice){in.data + at, in.len - at}, limits->line_bytes, &bytes, &arg, err);
        if (rv <= 0)
            return rv;
        message_add(m, arg);
        bytes.left -= arg.len;
        at += (size_t)rv;
    }
    return (long)at;
}
