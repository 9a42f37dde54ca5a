#include "cli/call_out.h"

#include "wire/reader.h"
#include "wire/render.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is bytes already is written as it is. Rows become a table: one column for each key of the first row, its name
 * above it. The client knows nothing of spreadsheets: it sends the table back to the server's cnkit and writes what that
 * returns. Columns of digits that a spreadsheet would spoil (identity cards, telephones, 007) are marked as texts. */

enum kind { OUT_NONE, OUT_JSON, OUT_SVG, OUT_CSV, OUT_XLSX };
enum { DIGITS_KEPT = 11, PATH_BYTES = 4096 };

static enum kind kind_of(const char *path)
{
    static const char *const endings[] = {"", ".json", ".svg", ".csv", ".xlsx"};
    const size_t len = strlen(path);
    for (int kind = OUT_JSON; kind <= OUT_XLSX; kind++) {
        const size_t ending = strlen(endings[kind]);
        if (len > ending && strcmp(path + len - ending, endings[kind]) == 0)
            return (enum kind)kind;
    }
    return OUT_NONE;
}

int call_out_check(const char *path, struct err *err)
{
    return kind_of(path) != OUT_NONE
               ? 0
               : err_set(err, ERR_ARG, "--out %s: its ending says what is written: .json, .svg, .csv or .xlsx", path);
}

/* -- the file -- */

static int write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes.data += n;
            bytes.len -= (size_t)n;
        }
    }
    return fsync(fd);
}

static int write_file(const char *path, struct slice bytes, struct err *err)
{
    char tmp[PATH_BYTES];
    if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
        return err_set(err, ERR_ARG, "--out: the path is too long");
    int fd = mkstemp(tmp), rv = 0;
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    const mode_t mask = umask(0);
    umask(mask);
    if (write_all(fd, bytes) != 0 || fchmod(fd, 0666 & ~mask) != 0 || rename(tmp, path) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    if (rv != 0)
        unlink(tmp);
    return rv;
}

/* -- tables -- */

/* A value inside a row: as it is, or, when it is a list or a map, as JSON. */
static json_t *cell(json_t *value)
{
    if (!json_is_array(value) && !json_is_object(value))
        return json_incref(value);
    char *text = json_dumps(value, JSON_COMPACT);
    json_t *out = json_string(text);
    free(text);
    return out;
}

static json_t *row_of(const json_t *value, const json_t *keys)
{
    json_t *row = json_array(), *item;
    size_t i;
    if (!json_is_object(value)) {
        json_array_append_new(row, cell((json_t *)(uintptr_t)value));
        return row;
    }
    json_array_foreach(keys, i, item)
    {
        json_t *found = json_object_get(value, json_string_value(item));
        json_array_append_new(row, found ? cell(found) : json_null());
    }
    return row;
}

/* A list of rows, or one map: a table with its head. NULL for what is none. */
static json_t *table_of(json_t *value)
{
    json_t *rows = json_array(), *keys = json_array(), *item;
    const char *key;
    size_t i;
    json_t *list = json_is_object(value) ? json_pack("[O]", value) : json_incref(value);
    json_t *first = json_array_get(list, 0);
    if (!json_is_array(list) || (first && !json_is_object(first) && !json_is_array(first))) {
        json_decref(keys);
        json_decref(list);
        json_decref(rows);
        return NULL;
    }
    if (json_is_object(first)) {
        json_object_foreach(first, key, item) json_array_append_new(keys, json_string(key));
        json_array_append(rows, keys);
    }
    json_array_foreach(list, i, item)
        json_array_append_new(rows, json_is_array(item) ? json_incref(item) : row_of(item, keys));
    json_decref(keys);
    json_decref(list);
    return rows;
}

/* Digits that are a name, not a number. */
static bool is_code(const json_t *value)
{
    const char *text = json_string_value(value);
    const size_t digits = text ? strspn(text, "0123456789") : 0;
    return digits > 0 && (text[digits] == '\0' || strcmp(text + digits, "X") == 0) &&
           (digits >= DIGITS_KEPT || (text[0] == '0' && digits > 1));
}

static json_t *code_columns(const json_t *rows)
{
    json_t *columns = json_array(), *row, *item;
    bool codes[257] = {false};
    size_t i, k;
    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, k, item)
        {
            if (k < 256)
                codes[k + 1] = codes[k + 1] || is_code(item);
        }
    }
    for (int nth = 1; nth <= 256; nth++)
        if (codes[nth])
            json_array_append_new(columns, json_integer(nth));
    return columns;
}

/* The request that makes the file's bytes of a table, and its reply. */
static int ask_kit(struct client *client, enum kind kind, json_t *rows, struct slice *reply, struct err *err)
{
    struct buf arg = {0}, options = {0};
    json_t *columns = code_columns(rows);
    json_t *body = kind == OUT_CSV
                       ? json_incref(rows)
                       : json_pack("[{sssisOsO}]", "name", "Muster", "head", 1, "rows", rows, "text_cols", columns);
    json_t *with = json_pack("{sO}", "text_cols", columns);
    char *text = json_dumps(body, JSON_COMPACT), *more = json_dumps(with, JSON_COMPACT);
    buf_fmt(&arg, "%s", kind == OUT_CSV ? "rows=" : "sheets=");
    buf_text(&arg, text);
    buf_fmt(&options, "options=%s", more);
    const struct slice words[] = {kind == OUT_CSV ? SLICE("cnkit.csv.format") : SLICE("cnkit.xlsx.write"),
                                  buf_view(&arg), buf_view(&options)};
    int rv = client_call(client, words, kind == OUT_CSV ? 3 : 2, reply, err);
    free(text);
    free(more);
    json_decref(body);
    json_decref(with);
    json_decref(columns);
    buf_close(&arg);
    buf_close(&options);
    return rv;
}

static int write_table(const char *path, enum kind kind, struct client *client, struct slice json, struct err *err)
{
    struct slice reply;
    struct node node;
    json_t *value = json_loadb(json.data, json.len, JSON_DECODE_ANY, NULL), *rows = value ? table_of(value) : NULL;
    int rv = rows ? ask_kit(client, kind, rows, &reply, err)
                  : err_set(err, ERR_STATE, "the reply is no list of rows, and so no table; --out FILE.json takes it");
    if (rv == 0) {
        struct reader r = {reader_strip(reply)};
        rv = reader_next(&r, &node) == 1 ? write_file(path, node.s, err)
                                         : err_set(err, ERR_PROTO, "the server's reply makes no sense");
    }
    json_decref(rows);
    json_decref(value);
    return rv;
}

int call_out_write(const char *path, struct client *client, struct slice reply, struct err *err)
{
    const enum kind kind = kind_of(path);
    struct reader r = {reader_strip(reply)};
    struct node node = {0};
    struct buf json = {0};
    int rv = reader_next(&r, &node) == 1 ? 0 : err_set(err, ERR_PROTO, "the server's reply makes no sense");
    const bool bytes = node.type == NODE_TEXT || node.type == NODE_BLOB;
    if (rv == 0 && kind == OUT_SVG)
        return bytes && node.s.len > 4 && memcmp(node.s.data, "<svg", 4) == 0
                   ? write_file(path, node.s, err)
                   : err_set(err, ERR_STATE,
                             "the reply is no picture; pictures.map, pictures.figure and cnkit.svg.* draw");
    if (rv == 0 && bytes &&
        (kind == OUT_CSV || (kind == OUT_XLSX && node.s.len > 2 && memcmp(node.s.data, "PK", 2) == 0)))
        return write_file(path, node.s, err);
    if (rv == 0 && (rv = render_json(reply, &json)) != 0)
        err_set(err, rv, "the reply can't be shown as JSON");
    if (rv == 0 && kind == OUT_JSON) {
        buf_byte(&json, '\n');
        rv = write_file(path, buf_view(&json), err);
    } else if (rv == 0)
        rv = write_table(path, kind, client, buf_view(&json), err);
    buf_close(&json);
    return rv;
}
