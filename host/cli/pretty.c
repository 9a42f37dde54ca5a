#include "base/utf8.h"
#include "cli/cell.h"
#include "cli/table.h"
#include "wire/reader.h"

#include <stdlib.h>
#include <string.h>

/* A reply is read twice where it becomes a table: once for its columns (the union of the maps' keys, in the order they
 * first appear), once for its cells. What is nested inside a cell is shown as JSON. The declared shape goes along
 * with the value; where the two part ways, the value is shown as it is.
 */

#define KEY_WIDTH_MAX 30 /* a longer key is not padded for */

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

static void write_table(struct reader r, int64_t rows, const struct shape *row_shape, struct columns *c,
                        struct buf *out)
{
    struct table t = {.columns = c->count};
    struct slice *cells = mem_zalloc((size_t)c->count * sizeof *cells);
    struct buf text = {0};
    for (int i = 0; i < c->count; i++) {
        buf_clear(&text);
        cell_key(c->names[i], cell_field(row_shape, c->names[i]), &text);
        table_add(&t, buf_view(&text), false);
    }
    for (int64_t row = 0; row < rows; row++) {
        struct node map, key;
        if (reader_next(&r, &map) != 1)
            break;
        for (int i = 0; i < c->count; i++)
            cells[i] = (struct slice){0};
        for (int64_t i = 0; i < map.count && reader_next(&r, &key) == 1; i++)
            cells[column(c, key.s)] = take_value(&r);
        for (int i = 0; i < c->count; i++) {
            const struct shape *shape = cell_field(row_shape, c->names[i]);
            buf_clear(&text);
            cell_put(cells[i], shape, &text);
            table_add(&t, buf_view(&text), cell_is_number(cells[i], shape));
        }
    }
    table_write(&t, out);
    table_close(&t);
    buf_close(&text);
    free(cells);
}

static void write_value(struct slice value, const struct shape *shape, int indent, struct buf *out);

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

static void write_array(struct reader r, int64_t count, const struct shape *item, int indent, struct buf *out)
{
    struct columns c = {0};
    size_t start = out->len;
    if (count > 0 && find_columns(r, count, &c)) {
        write_table(r, count, item, &c, out);
        indent_lines(out, start, indent);
    } else {
        for (int64_t i = 0; i < count; i++) {
            indent_by(indent, out);
            cell_put(take_value(&r), item, out);
            buf_byte(out, '\n');
        }
    }
    if (count == 0) {
        indent_by(indent, out);
        buf_text(out, "(none)\n");
    }
    free(c.names);
}

static const struct shape fen = {.type = SHAPE_FEN};

/* Whether a figure's value is money is said by the `unit` beside it. */
static bool is_figure_in_fen(struct reader r, int64_t count, const struct shape *shape)
{
    const struct shape *field = cell_field(shape, SLICE("value"));
    bool in_fen = false, whole = false;
    struct node key, n;
    if (field == NULL || field->name == NULL || field->type != SHAPE_ANY)
        return false;
    for (int64_t i = 0; i < count && reader_next(&r, &key) == 1; i++) {
        struct slice value = take_value(&r);
        if (slice_is(key.s, "unit"))
            in_fen = peek(value, &n) && n.type == NODE_TEXT && slice_is(n.s, "fen");
        else if (slice_is(key.s, "value"))
            whole = peek(value, &n) && n.type == NODE_INT;
    }
    return in_fen && whole;
}

/* One pair; a container begins a paragraph of its own. `width` columns belong to the key and its colon. */
static void write_pair(struct slice key, struct slice value, const struct shape *shape, size_t width, int indent,
                       struct buf *out)
{
    struct node inner;
    bool nested = peek(value, &inner) && inner.type >= NODE_ARRAY && inner.count > 0;
    buf_slice(out, key);
    buf_byte(out, ':');
    if (nested) {
        buf_byte(out, '\n');
        write_value(value, shape, indent + 1, out);
        return;
    }
    for (size_t at = utf8_width(key); at < width; at++)
        buf_byte(out, ' ');
    cell_put(value, shape, out);
    while (out->data[out->len - 1] == ' ')
        buf_truncate(out, out->len - 1);
    buf_byte(out, '\n');
}

/* A map: keys padded to one column. */
static void write_map(struct reader r, int64_t count, const struct shape *shape, int indent, struct buf *out)
{
    bool in_fen = is_figure_in_fen(r, count, shape);
    size_t widest = 0;
    struct buf text = {0};
    /* Once for the width of the keys, once to write. */
    for (int writing = 0; writing < 2; writing++) {
        struct reader pairs = r;
        struct node key;
        for (int64_t i = 0; i < count && reader_next(&pairs, &key) == 1; i++) {
            struct slice value = take_value(&pairs);
            bool figure = in_fen && slice_is(key.s, "value");
            const struct shape *field = figure ? &fen : cell_field(shape, key.s);
            buf_clear(&text);
            cell_key(key.s, field, &text);
            size_t width = utf8_width(buf_view(&text));
            if (!writing) {
                widest = width > widest && width <= KEY_WIDTH_MAX ? width : widest;
                continue;
            }
            if (in_fen && slice_is(key.s, "unit"))
                value = SLICE("$4\r\nyuan\r\n");
            indent_by(indent, out);
            write_pair(buf_view(&text), value, field, widest + 1, indent, out);
        }
    }
    buf_close(&text);
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

static void write_value(struct slice value, const struct shape *shape, int indent, struct buf *out)
{
    struct reader r = {value};
    struct node n;
    if (reader_next(&r, &n) != 1)
        return;
    if (n.type == NODE_ARRAY || n.type == NODE_SET || n.type == NODE_PUSH) {
        write_array(r, n.count, cell_item(shape), indent, out);
    } else if (n.type == NODE_MAP) {
        write_map(r, n.count, shape, indent, out);
    } else {
        indent_by(indent, out);
        if (n.type == NODE_NULL)
            buf_text(out, "(nothing)");
        else if (n.type == NODE_TEXT && indent == 0)
            write_lines(n.s, out);
        else
            cell_put(value, shape, out);
        if (n.type == NODE_INT && cell_is_money(shape))
            buf_text(out, " yuan");
        buf_byte(out, '\n');
    }
}

void pretty_reply(struct slice reply, const struct shape *shape, struct buf *out)
{
    write_value(reader_strip(reply), shape, 0, out);
}
