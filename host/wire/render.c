#include "wire/render.h"

#include "base/err.h"
#include "base/utf8.h"
#include "wire/details.h"
#include "wire/json.h"
#include "wire/reader.h"
#include "wire/reply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The two RESP forms need no recursion: every node's rendering depends on that node alone, and a counter of values
 * still to come tells when the reply is whole. Only JSON must know where a container ends. A RESP3 client that was
 * sent neither attribute nor blob gets the very bytes: that path copies and trusts the writer. On failure `out` is as
 * it was. */

static const int64_t JSON_INT_MAX = (int64_t)1 << 53;

static int put_bulk(struct buf *out, struct slice s)
{
    int rv = buf_byte(out, '$');
    rv = rv ? rv : buf_int(out, (int64_t)s.len);
    rv = rv ? rv : buf_text(out, "\r\n");
    rv = rv ? rv : buf_slice(out, s);
    return rv ? rv : buf_text(out, "\r\n");
}

static int put_count(struct buf *out, char type, int64_t count)
{
    int rv = buf_byte(out, type);
    rv = rv ? rv : buf_int(out, count);
    return rv ? rv : buf_text(out, "\r\n");
}

/* One node, whose canonical bytes are `as_is`; `extra` pairs will be added to it if it is a map. */
static int put_node(struct buf *out, int proto, const struct node *node, struct slice as_is, int extra)
{
    if (node->type == NODE_BLOB)
        return put_bulk(out, node->s);
    if (node->type == NODE_MAP)
        return put_count(out, proto == 3 ? '%' : '*', (node->count + extra) * (proto == 3 ? 1 : 2));
    if (proto == 2 && node->type == NODE_NULL)
        return buf_text(out, "$-1\r\n");
    if (proto == 2 && node->type == NODE_BOOL)
        return buf_text(out, node->i ? ":1\r\n" : ":0\r\n");
    if (proto == 2 && node->type == NODE_DOUBLE)
        return put_bulk(out, node->s);
    return buf_slice(out, as_is);
}

static int put_nodes(struct slice value, int proto, bool replayed, struct buf *out)
{
    struct reader r = {value};
    bool mark = false;
    int rv = 0;
    for (int64_t left = 1; rv == 0 && left > 0; left--) {
        struct node node;
        const char *from = r.rest.data;
        if (reader_next_canonical(&r, &node) != 1 || node.type == NODE_ATTRIBUTE)
            return ERR_PROTO;
        bool root = from == value.data;
        if (root)
            mark = replayed && node.type == NODE_MAP;
        if (node.type >= NODE_ARRAY)
            left += node.count * (node.type == NODE_MAP ? 2 : 1);
        rv = put_node(out, proto, &node, (struct slice){from, (size_t)(r.rest.data - from)}, root && mark);
    }
    if (rv == 0 && r.rest.len)
        return ERR_PROTO;
    if (rv == 0 && mark)
        rv = buf_text(out, proto == 3 ? "$8\r\nreplayed\r\n#t\r\n" : "$8\r\nreplayed\r\n:1\r\n");
    return rv;
}

/* The error `value` and, at the end of its line, what the attribute in front of it says. */
static int put_error_line(struct slice value, struct slice whole, struct buf *out)
{
    struct reader r = {value};
    struct node node;
    struct err e;
    if (reader_next_canonical(&r, &node) != 1 || r.rest.len || !reader_error(whole, &e))
        return ERR_PROTO;
    const size_t token = strlen(err_token(e.code)), rule = strlen(e.rule);
    struct slice rest = {node.s.data + token + 1, node.s.len > token ? node.s.len - token - 1 : 0};
    int rv = buf_byte(out, '-');
    rv = rv ? rv : buf_append(out, node.s.data, node.s.len - rest.len);
    if (details_like_rule(rest) && (rule == 0 || details_rule(rest) != rule))
        rv = rv ? rv : buf_byte(out, ' ');
    rv = rv ? rv : buf_slice(out, rest);
    rv = rv ? rv : details_put(out, node.s, &e);
    return rv ? rv : buf_text(out, "\r\n");
}

static int render_resp(struct slice canonical, int proto, struct buf *out)
{
    bool marked = canonical.len && canonical.data[0] == '|';
    struct slice value = marked ? reader_strip(canonical) : canonical;
    size_t start = out->len;
    int rv;
    if (marked && value.len && value.data[0] == '-')
        rv = put_error_line(value, canonical, out);
    else
        rv = put_nodes(value, proto, marked && reader_is_replayed(canonical), out);
    if (rv)
        buf_truncate(out, start);
    return rv;
}

/* Could a blob be among these bytes? Its '=' stands at the start of a line; text only seldom has one there. */
static bool may_hold_blob(struct slice s)
{
    const char *end = s.data + s.len;
    for (const char *p = s.data; (p = memchr(p, '=', (size_t)(end - p))); p++) {
        if (p == s.data || p[-1] == '\n')
            return true;
    }
    return false;
}

int render_resp3(struct slice canonical, struct buf *out)
{
    if (canonical.len == 0)
        return ERR_PROTO;
    if (canonical.data[0] == '|' || may_hold_blob(canonical))
        return render_resp(canonical, 3, out);
    return buf_slice(out, canonical);
}

int render_resp2(struct slice canonical, struct buf *out)
{
    return render_resp(canonical, 2, out);
}

/* RFC 4648, section 4, quoted. */
static int put_base64(struct buf *out, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int rv = buf_byte(out, '"');
    for (size_t i = 0; rv == 0 && i < s.len; i += 3) {
        size_t have = s.len - i < 3 ? s.len - i : 3;
        unsigned bits = (unsigned)(unsigned char)s.data[i] << 16;
        bits |= have > 1 ? (unsigned)(unsigned char)s.data[i + 1] << 8 : 0;
        bits |= have > 2 ? (unsigned)(unsigned char)s.data[i + 2] : 0;
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], '=', '='};
        if (have > 1)
            four[2] = digits[bits >> 6 & 63];
        if (have > 2)
            four[3] = digits[bits & 63];
        rv = buf_append(out, four, 4);
    }
    return rv ? rv : buf_byte(out, '"');
}

static int put_text(struct buf *out, struct slice s)
{
    return utf8_valid(s) ? json_quote(s, out) : ERR_PROTO;
}

/* ,"key":"text" unless there is nothing to say. */
static int put_detail(struct buf *out, const char *key, const char *text)
{
    if (text[0] == '\0')
        return 0;
    int rv = buf_fmt(out, ",\"%s\":", key);
    return rv ? rv : put_text(out, slice_of(text));
}

/* `whole` is the error with the attribute that belongs to it. */
static int put_error(struct buf *out, struct slice whole)
{
    struct err e;
    if (!reader_error(whole, &e))
        return ERR_PROTO;
    int rv = buf_fmt(out, "{\"error\":{\"code\":\"%s\",\"message\":", err_token(e.code));
    rv = rv ? rv : put_text(out, slice_of(e.text));
    rv = rv ? rv : put_detail(out, "rule", e.rule);
    rv = rv ? rv : put_detail(out, "arg", e.arg);
    rv = rv ? rv : put_detail(out, "state", e.state);
    rv = rv ? rv : put_detail(out, "allowed", e.allowed);
    return rv ? rv : buf_text(out, "}}");
}

static int put_scalar(struct buf *out, const struct node *node, struct slice as_is)
{
    bool wide = node->type == NODE_INT && (node->i > JSON_INT_MAX || node->i < -JSON_INT_MAX);
    switch (node->type) {
    case NODE_NULL:
        return buf_text(out, "null");
    case NODE_BOOL:
        return buf_text(out, node->i ? "true" : "false");
    case NODE_INT:
    case NODE_DOUBLE: {
        /* JSON has no infinities; as text they arrive at least. */
        bool quote = wide || (node->type == NODE_DOUBLE &&
                              (slice_is(node->s, "nan") || slice_is(node->s, "inf") || slice_is(node->s, "-inf")));
        return quote ? json_quote(node->s, out) : buf_slice(out, node->s);
    }
    case NODE_BLOB:
        return put_base64(out, node->s);
    case NODE_ERROR:
        return put_error(out, as_is);
    default:
        return put_text(out, node->s);
    }
}

/* One value and what belongs to it. `whole` is the reply it is the root of, or empty further down. */
static int put_value(struct reader *r, int depth, struct slice whole, bool replayed, struct buf *out)
{
    struct node node;
    const char *from = r->rest.data;
    if (reader_next_canonical(r, &node) != 1 || node.type == NODE_ATTRIBUTE)
        return ERR_PROTO;
    if (node.type < NODE_ARRAY)
        return put_scalar(out, &node, whole.len ? whole : (struct slice){from, (size_t)(r->rest.data - from)});
    if (depth == REPLY_DEPTH_MAX)
        return ERR_PROTO;
    bool map = node.type == NODE_MAP;
    int rv = buf_byte(out, map ? '{' : '[');
    for (int64_t i = 0; rv == 0 && i < node.count; i++) {
        if (i > 0)
            rv = buf_byte(out, ',');
        struct node key;
        if (rv == 0 && map && (reader_next_canonical(r, &key) != 1 || key.type != NODE_TEXT))
            return ERR_PROTO;
        if (rv == 0 && map)
            rv = put_text(out, key.s);
        if (rv == 0 && map)
            rv = buf_byte(out, ':');
        rv = rv ? rv : put_value(r, depth + 1, (struct slice){0}, false, out);
    }
    if (rv == 0 && map && replayed)
        rv = buf_text(out, node.count ? ",\"replayed\":true" : "\"replayed\":true");
    return rv ? rv : buf_byte(out, map ? '}' : ']');
}

int render_json(struct slice canonical, struct buf *out)
{
    bool marked = canonical.len && canonical.data[0] == '|';
    struct reader r = {marked ? reader_strip(canonical) : canonical};
    size_t start = out->len;
    int rv = put_value(&r, 0, canonical, marked && reader_is_replayed(canonical), out);
    if (rv == 0 && r.rest.len)
        rv = ERR_PROTO;
    if (rv)
        buf_truncate(out, start);
    return rv;
}
