#include "base/utf8.h"
#include "cli/table.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <stdlib.h>
#include <string.h>

/* A reply is read twice where it becomes a table: once for its columns (the union of the maps' keys, in the order they
 * first appear), once for its cells. What is nested inside a cell is shown as JSON.
 */

static struct slice take_value(struct reader *r)
{
    struct slice before = r->rest;
    if (reader_skip(r) != 0)
        return (struct slice){0};
    return (struct slice){before.data, before.len - r->rest.len};
}

static bool peek(struct slice value, struct node *node)
{
    struct reader r = {value};
    return reader_next(&r, node) == 1;
}

/* One value in one line. */
static void write_inline(struct slice value, struct buf *out)
{
    struct node n;
    struct buf json = {0};
    if (!peek(value, &n))
        return;
    switch (n.type) {
    case NODE_NULL:
        break;
    case NODE_BOOL:
        buf_text(out, n.i ? "true" : "false");
        break;
    case NODE_INT:
        buf_int(out, n.i);
        break;
    case NODE_DOUBLE:
        buf_fmt(out, "%.15g", n.d);
        break;
    case NODE_TEXT:
    case NODE_BLOB:
    case NODE_STATUS:
    case NODE_ERROR:
        table_text(n.s, out);
        break;
    default:
        if (render_json(value, &json) == 0)
            table_text(buf_view(&json), out);
        buf_close(&json);
    }
}

static bool is_number(struct slice value)
{
    struct node n;
    return peek(value, &n) && (n.type == NODE_INT || n.type == NODE_DOUBLE);
}

struct columns {
    struct slice *names;
    int count, cap;
};

static int column(struct columns *c, struct slice name)
{
    for (int i = 0; i < c->count; i++)
        if (slice_eq(c->names[i], name))
            return i;
    if (c->count == c->cap) {
        c->cap = c->cap > 0 ? c->cap * 2 : 16;
        c->names = mem_realloc(c->names, (size_t)c->cap * sizeof *c->names);
    }
    c->names[c->count] = name;
    return c->count++;
}

/* The columns of an array of `rows` maps; false when an element is something else. */
static bool find_columns(struct reader r, int64_t rows, struct columns *c)
{
    for (int64_t row = 0; row < rows; row++) {
        struct node map, key;
        if (reader_next(&r, &map) != 1 || map.type != NODE_MAP)
            return false;
        for (int64_t i = 0; i < map.count; i++) {
            if (reader_next(&r, &key) != 1 || reader_skip(&r) != 0)
                return false;
            column(c, key.s);
        }
    }
    return c->count > 0;
}

static void write_table(struct reader r, int64_t rows, struct columns *c, struct buf *out)
{
    struct table t = {.columns = c->count};
    struct slice *cells = mem_zalloc((size_t)c->count * sizeof *cells);
    struct buf text = {0};
    for (int i = 0; i < c->count; i++)
        table_add(&t, c->names[i], false);
    for (int64_t row = 0; row < rows; row++) {
        struct node map, key;
        if (reader_next(&r, &map) != 1)
            break;
        for (int i = 0; i < c->count; i++)
            cells[i] = (struct slice){0};
        for (int64_t i = 0; i < map.count && reader_next(&r, &key) == 1; i++)
            cells[column(c, key.s)] = take_value(&r);
        for (int i = 0; i < c->count; i++) {
            buf_clear(&text);
            write_inline(cells[i], &text);
            table_add(&t, buf_view(&text), is_number(cells[i]));
        }
    }
    table_write(&t, out);
    table_close(&t);
    buf_close(&text);
    free(cells);
}

static void write_value(struct slice value, int indent, struct buf *out);

static void indent_by(int indent, struct buf *out)
{
    for (int i = 0; i < indent; i++)
        buf_text(out, "  ");
}

/* Push what was appended since `start` to the right. */
static void indent_lines(struct buf *out, size_t start, int indent)
{
    if (indent == 0)
        return;
    struct buf lines = {0};
    buf_append(&lines, out->data + start, out->len - start);
    buf_truncate(out, start);
    for (size_t i = 0; i < lines.len; i++) {
        if (i == 0 || lines.data[i - 1] == '\n')
            indent_by(indent, out);
        buf_byte(out, lines.data[i]);
    }
    buf_close(&lines);
}

static void write_array(struct reader r, int64_t count, int indent, struct buf *out)
{
    struct columns c = {0};
    size_t start = out->len;
    if (count > 0 && find_columns(r, count, &c)) {
        write_table(r, count, &c, out);
        indent_lines(out, start, indent);
    } else {
        for (int64_t i = 0; i < count; i++) {
            indent_by(indent, out);
            write_inline(take_value(&r), out);
            buf_byte(out, '\n');
        }
    }
    if (count == 0) {
        indent_by(indent, out);
        buf_text(out, "(none)\n");
    }
    free(c.names);
}

/* A map: keys padded to one column; a container begins a paragraph of its own. */
static void write_map(struct reader r, int64_t count, int indent, struct buf *out)
{
    size_t widest = 0;
    struct reader ahead = r;
    struct node key, inner;
    for (int64_t i = 0; i < count && reader_next(&ahead, &key) == 1 && reader_skip(&ahead) == 0; i++) {
        size_t width = utf8_width(key.s);
        widest = width > widest && width <= 30 ? width : widest;
    }
    for (int64_t i = 0; i < count && reader_next(&r, &key) == 1; i++) {
        struct slice value = take_value(&r);
        bool nested = peek(value, &inner) && inner.type >= NODE_ARRAY && inner.count > 0;
        indent_by(indent, out);
        table_text(key.s, out);
        buf_byte(out, ':');
        if (nested) {
            buf_byte(out, '\n');
            write_value(value, indent + 1, out);
            continue;
        }
        for (size_t width = utf8_width(key.s); width < widest + 1; width++)
            buf_byte(out, ' ');
        write_inline(value, out);
        while (out->data[out->len - 1] == ' ')
            buf_truncate(out, out->len - 1);
        buf_byte(out, '\n');
    }
}

/* A text that is the whole reply keeps its lines. */
static void write_lines(struct slice text, struct buf *out)
{
    while (text.len > 0) {
        const char *lf = memchr(text.data, '\n', text.len);
        size_t len = lf != NULL ? (size_t)(lf - text.data) : text.len;
        size_t shown = len > 0 && text.data[len - 1] == '\r' ? len - 1 : len;
        table_text((struct slice){text.data, shown}, out);
        size_t step = lf != NULL ? len + 1 : len;
        text.data += step;
        text.len -= step;
        if (text.len > 0) /* the last line's end is written by the caller */
            buf_byte(out, '\n');
    }
}

static void write_value(struct slice value, int indent, struct buf *out)
{
    struct reader r = {value};
    struct node n;
    if (reader_next(&r, &n) != 1)
        return;
    if (n.type == NODE_ARRAY || n.type == NODE_SET || n.type == NODE_PUSH) {
        write_array(r, n.count, indent, out);
    } else if (n.type == NODE_MAP) {
        write_map(r, n.count, indent, out);
    } else {
        indent_by(indent, out);
        if (n.type == NODE_NULL)
            buf_text(out, "(nothing)");
        else if (n.type == NODE_TEXT && indent == 0)
            write_lines(n.s, out);
        else
            write_inline(value, out);
        buf_byte(out, '\n');
    }
}

void pretty_reply(struct slice reply, struct buf *out)
{
    write_value(reader_strip(reply), 0, out);
}
