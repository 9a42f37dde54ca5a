#include "cli/cell.h"

#include "base/clock.h"
#include "cli/table.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Money leaves the server as fen and instants as milliseconds, so that programs count exactly. People read yuan, and the
 * clock on the wall of the office: the zone is the server's, in which its days begin and end, not this machine's. */

#define DAY_MS 86400000ll

static int zone_min; /* one server per process of the command line */

static const struct shape anything = {.type = SHAPE_ANY};

const struct shape *cell_field(const struct shape *map, struct slice key)
{
    for (int i = 0; map != NULL && map->type == SHAPE_MAP && i < map->count; i++) {
        if (slice_is(key, map->items[i].name))
            return &map->items[i];
    }
    return map != NULL ? &anything : NULL;
}

const struct shape *cell_item(const struct shape *array)
{
    if (array == NULL || array->type != SHAPE_ARRAY)
        return array != NULL ? &anything : NULL;
    /* Nothing beside the elements would say that they are yuan. */
    return array->items->type == SHAPE_FEN ? &anything : array->items;
}

static bool ends_in_fen(struct slice key)
{
    return key.len > 4 && memcmp(key.data + key.len - 4, "_fen", 4) == 0;
}

bool cell_is_money(const struct shape *shape)
{
    if (shape == NULL)
        return false;
    return shape->type == SHAPE_FEN ||
           (shape->type == SHAPE_INT && shape->name != NULL && ends_in_fen(slice_of(shape->name)));
}

void cell_key(struct slice key, const struct shape *shape, struct buf *out)
{
    bool money = cell_is_money(shape);
    if (money && ends_in_fen(key))
        key.len -= 4;
    table_text(key, out);
    if (money)
        buf_text(out, " (yuan)");
}

/* 6965000 is "69,650.00". */
static void put_yuan(int64_t fen, struct buf *out)
{
    uint64_t amount = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, amount / 100);
    if (fen < 0)
        buf_byte(out, '-');
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_byte(out, ',');
        buf_byte(out, digits[i]);
    }
    buf_fmt(out, ".%02d", (int)(amount % 100));
}

void cell_instant(int64_t ms, struct buf *out)
{
    const int64_t first = clock_days(1, 1, 2) * DAY_MS, last = clock_days(9999, 12, 31) * DAY_MS;
    char text[36];
    if (ms < first || ms >= last) {
        buf_int(out, ms);
        return;
    }
    clock_format_instant(ms, zone_min, text);
    text[10] = ' ';
    buf_append(out, text, 19); /* without fraction and offset */
}

static bool peek(struct slice value, struct node *node)
{
    struct reader r = {value};
    return reader_next(&r, node) == 1;
}

void cell_use_hello(struct slice hello)
{
    struct reader r = {hello};
    struct node key, value;
    if (reader_next(&r, &key) != 1 || key.type != NODE_MAP)
        return;
    while (reader_next(&r, &key) == 1 && peek(r.rest, &value)) {
        if (slice_is(key.s, "zone_min") && value.type == NODE_INT)
            zone_min = (int)value.i;
        if (reader_skip(&r) != 0)
            return;
    }
}

static void put_int(int64_t i, const struct shape *shape, struct buf *out)
{
    if (cell_is_money(shape))
        put_yuan(i, out);
    else if (shape != NULL && shape->type == SHAPE_INSTANT)
        cell_instant(i, out);
    else
        buf_int(out, i);
}

void cell_put(struct slice value, const struct shape *shape, struct buf *out)
{
    struct node n;
    struct buf json = {0};
    if (!peek(value, &n))
        return;
    switch (n.type) {
    case NODE_NULL:
        break;
    case NODE_BOOL:
        if (shape != NULL)
            buf_text(out, n.i ? "✓" : "–");
        else
            buf_text(out, n.i ? "true" : "false");
        break;
    case NODE_INT:
        put_int(n.i, shape, out);
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

bool cell_is_number(struct slice value, const struct shape *shape)
{
    struct node n;
    bool instant = shape != NULL && shape->type == SHAPE_INSTANT;
    return peek(value, &n) && ((n.type == NODE_INT && !instant) || n.type == NODE_DOUBLE);
}
