#include "cli/call_table.h"

#include "cli/cell.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One column for each key of the rows, in the order in which the keys first come, its heading above it. Which list of a
 * reply is the table is a matter of its declared shape, so that the same command always gives the same columns; only
 * where nothing is declared its values decide. Texts that a spreadsheet would turn into something else (identity cards,
 * 007, 1E5, 3-4) mark their column as one of texts. */

enum { DIGITS_KEPT = 11 };

/* -- cells -- */

/* A day as days are written everywhere, which a spreadsheet reads as it is meant. */
static bool is_day(const char *text)
{
    static const char form[] = "0000-00-00";
    for (int i = 0; form[i]; i++)
        if (form[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
    return strlen(text) == sizeof(form) - 1;
}

/* Would a spreadsheet take this text for a number, a date or a time, and show something else? */
static bool is_spoilt(const char *text)
{
    const size_t sign = *text == '+' || *text == '-' || *text == '.';
    const size_t digits = strspn(text + sign, "0123456789");
    const char *rest = text + sign + digits;
    if (digits == 0 || is_day(text) || (strcmp(rest, "X") != 0 && rest[strspn(rest, "0123456789.,:/+-eE% ")]))
        return false;
    const bool plain = !*rest && *text != '+' && *text != '.' && (text[sign] != '0' || digits == 1);
    return !plain || digits >= DIGITS_KEPT;
}

static json_t *as_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    json_t *out = json_string(text);
    free(text);
    return out;
}

/* A whole number; JSON has large ones as texts. */
static bool whole(const json_t *value, int64_t *out)
{
    char *end;
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    errno = 0;
    *out = text ? strtoll(text, &end, 10) : 0;
    return text && *text && !*end && errno == 0;
}

/* 6965000 fen as 69650.00, which a spreadsheet sums. As a number it has no more digits than one keeps. */
static json_t *yuan(const struct call_table *t, int64_t fen)
{
    char text[40];
    const uint64_t size = fen < 0 ? 0 - (uint64_t)fen : (uint64_t)fen;
    if (t->numbers && size < UINT64_C(1000000000000000))
        return json_real((double)fen / 100);
    snprintf(text, sizeof(text), "%s%" PRIu64 ".%02d", fen < 0 ? "-" : "", size / 100, (int)(size % 100));
    return json_string(text);
}

static json_t *instant(int64_t ms)
{
    struct buf text = {0};
    cell_instant(ms, &text);
    json_t *out = json_string(buf_cstr(&text));
    buf_close(&text);
    return out;
}

/* Money and instants are written as the screen shows them, a list or map as JSON, everything else as it is. */
static void add_cell(struct call_table *t, json_t *row, json_t *value, const struct shape *shape)
{
    const size_t column = json_array_size(row) + 1;
    const char *text = json_string_value(value);
    int64_t number;
    if (cell_is_money(shape) && whole(value, &number)) {
        json_array_append_new(row, yuan(t, number));
    } else if (shape && shape->type == SHAPE_INSTANT && whole(value, &number)) {
        json_array_append_new(row, instant(number));
    } else {
        if (text && column <= CALL_TABLE_COLUMNS && is_spoilt(text))
            t->text_cols[column] = true;
        json_array_append_new(row, json_is_array(value) || json_is_object(value) ? as_json(value) : json_incref(value));
    }
}

/* -- rows -- */

static void add_row(struct call_table *t, const json_t *keys, json_t *value, const struct shape *shape)
{
    json_t *row = json_array(), *item;
    const char *key;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item) add_cell(t, row, item, cell_item(shape));
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)keys, key, item)
        {
            json_t *found = json_object_get(value, key);
            add_cell(t, row, found ? found : item, cell_field(shape, slice_of(key)));
        }
    } else
        add_cell(t, row, value, shape);
    json_array_append_new(t->rows, row);
}

static json_t *heading(const char *key, const struct shape *shape)
{
    struct buf text = {0};
    cell_key(slice_of(key), shape, &text);
    json_t *out = json_string(buf_cstr(&text));
    buf_close(&text);
    return out;
}

static void add_rows(struct call_table *t, const json_t *list, const struct shape *shape)
{
    json_t *keys = json_object(), *item, *value;
    const char *key;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_object_foreach(item, key, value) json_object_set_new(keys, key, json_null());
    }
    if (json_object_size(keys) > 0) {
        json_t *head = json_array();
        json_object_foreach(keys, key, value)
            json_array_append_new(head, heading(key, cell_field(shape, slice_of(key))));
        json_array_append_new(t->rows, head);
    }
    json_array_foreach(list, i, item) add_row(t, keys, item, shape);
    json_decref(keys);
}

/* -- which list -- */

static bool is_list_of_rows(const json_t *value, const struct shape *shape)
{
    if (shape && shape->type == SHAPE_ARRAY)
        return shape->items->type == SHAPE_MAP || shape->items->type == SHAPE_ARRAY;
    const json_t *first = json_array_get(value, 0);
    return json_is_object(first) || json_is_array(first);
}

/* How many lists of rows the map has; `found` is the name of the first. */
static int count_lists(json_t *map, const struct shape *shape, const char **found)
{
    const char *key;
    json_t *value;
    int count = 0;
    json_object_foreach(map, key, value)
    {
        if (!json_is_array(value) || !is_list_of_rows(value, cell_field(shape, slice_of(key))))
            continue;
        *found = count++ == 0 ? key : *found;
    }
    return count;
}

int call_table_open(struct call_table *t, json_t *reply, const struct shape *shape, bool numbers, struct err *err)
{
    const char *name = NULL;
    *t = (struct call_table){.rows = json_array(), .numbers = numbers};
    if (json_is_object(reply)) {
        const int lists = count_lists(reply, shape, &name);
        if (lists > 1)
            return err_set(err, ERR_STATE, "the reply holds several tables, not one; --out FILE.json takes it");
        if (lists == 1) {
            const struct shape *of = cell_field(shape, slice_of(name));
            add_rows(t, json_object_get(reply, name), cell_item(of));
        } else {
            json_t *alone = json_pack("[O]", reply);
            add_rows(t, alone, shape);
            json_decref(alone);
        }
        return 0;
    }
    if (!json_is_array(reply) || (json_array_size(reply) > 0 && !is_list_of_rows(reply, NULL)))
        return err_set(err, ERR_STATE, "the reply is no list of rows, and so no table; --out FILE.json takes it");
    add_rows(t, reply, cell_item(shape));
    return 0;
}

void call_table_close(struct call_table *t)
{
    json_decref(t->rows);
    *t = (struct call_table){0};
}
