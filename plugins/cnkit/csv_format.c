#include "cnkit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Writing a CSV file that Excel and WPS open as it was meant: a byte order mark (without it they read UTF-8 as the
 * system's old encoding), CRLF, quotes where they are needed, and two escapes.
 *
 * A text that a spreadsheet would run (= + - @, a tab or a line end at its front; a plain number is none) gets an
 * apostrophe before it. A column in `text_cols` is written ="…": Excel would make 6.54E+17 of an identity card's number
 * and 7 of 007. The usual alternative, a tab before the digits, stays in the cell and spoils every comparison made
 * later; this one does not, and is read back as the bare text by every spreadsheet. Texts of more than 255 bytes are
 * no literals in a formula, and no numbers either: they are written as others.
 *
 * Both are undone exactly by csv.parse unescape=1. Numbers, true and false of other columns are written bare; null is an
 * empty cell. */

enum { ROWS_MAX = 20000, COLUMNS_MAX = 256, CELL_BYTES_MAX = 32767, LITERAL_MAX = 255, OUT_MAX = 7 * 1024 * 1024 };

struct out {
    const struct muster_host *host;
    struct muster_call *call;
    char *bytes;
    size_t len, cap;
    int row, column;
    /* options */
    char delimiter;
    bool bom, gb18030;
    bool text_cols[COLUMNS_MAX + 1];
};

static int refuse(const struct out *o, const char *code, const char *rule, const char *what)
{
    char row[16], column[16];
    const char *const items[] = {row, column};
    snprintf(row, sizeof(row), "%d", o->row);
    snprintf(column, sizeof(column), "%d", o->column);
    return o->host->fail(o->call, code, rule, o->row > 0 ? "rows" : "options", what, items, o->row > 0 ? 2 : 0);
}

/* Every byte may become four (quotes of quotes), so room for a cell is made before it is written. */
static int reserve(struct out *o, size_t more)
{
    if (o->len + more > OUT_MAX)
        return refuse(o, "LIMIT", "cnkit.csv_size", "row %s, column %s: the file would have more than 7 MiB");
    if (o->len + more <= o->cap)
        return MUSTER_OK;
    size_t cap = o->cap ? o->cap : 4096;
    while (cap < o->len + more)
        cap *= 2;
    char *bytes = realloc(o->bytes, cap);
    if (!bytes)
        return refuse(o, "LIMIT", "cnkit.csv_size", "row %s, column %s: there is no memory for it");
    o->bytes = bytes;
    o->cap = cap;
    return MUSTER_OK;
}

static void put(struct out *o, const char *bytes, size_t len)
{
    memcpy(o->bytes + o->len, bytes, len);
    o->len += len;
}

static bool needs_quotes(const struct out *o, const char *s, size_t len)
{
    if (o->row == 1 && o->column == 1 && len >= 4 && strncasecmp(s, "sep=", 4) == 0)
        return true; /* or a spreadsheet takes it for the delimiter's line */
    for (size_t i = 0; i < len; i++)
        if (s[i] == o->delimiter || s[i] == '"' || s[i] == '\r' || s[i] == '\n')
            return true;
    return len > 0 && (s[0] == ' ' || s[len - 1] == ' ' || s[0] == '\t');
}

/* Does it begin with apostrophes and then as a formula? It needs one more, or taking one off would change it. */
static bool needs_apostrophe(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n] == '\'')
        n++;
    return cnkit_is_formula((struct muster_text){s + n, len - n});
}

static int put_text(struct out *o, const char *s, size_t len)
{
    if (len > CELL_BYTES_MAX)
        return refuse(o, "LIMIT", "cnkit.csv_size", "row %s, column %s: the cell has more than 32767 bytes");
    if (reserve(o, 4 * len + 16) != MUSTER_OK)
        return MUSTER_FAILED;
    const bool literal = o->text_cols[o->column] && len > 0 && len <= LITERAL_MAX;
    const bool quotes = literal || needs_quotes(o, s, len);
    if (quotes)
        put(o, "\"", 1);
    if (literal)
        put(o, "=\"\"", 3);
    else if (needs_apostrophe(s, len))
        put(o, "'", 1);
    for (size_t i = 0; i < len; i++)
        put(o, s[i] == '"' ? (literal ? "\"\"\"\"" : "\"\"") : &s[i], s[i] == '"' ? (literal ? 4 : 2) : 1);
    if (literal)
        put(o, "\"\"", 2);
    if (quotes)
        put(o, "\"", 1);
    return MUSTER_OK;
}

static int put_cell(struct out *o, const json_t *cell)
{
    char number[40];
    switch (json_typeof(cell)) {
    case JSON_STRING:
        return put_text(o, json_string_value(cell), json_string_length(cell));
    case JSON_INTEGER:
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(cell));
        break;
    case JSON_REAL:
        snprintf(number, sizeof(number), "%.15g", json_real_value(cell));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        snprintf(number, sizeof(number), "%s", json_is_true(cell) ? "TRUE" : "FALSE");
        break;
    case JSON_NULL:
        return MUSTER_OK;
    default:
        return refuse(o, "ARG", "cnkit.csv_rows", "row %s, column %s: a cell is a text, a number, true, false or null");
    }
    if (o->text_cols[o->column])
        return put_text(o, number, strlen(number));
    if (reserve(o, sizeof(number)) != MUSTER_OK)
        return MUSTER_FAILED;
    put(o, number, strlen(number));
    return MUSTER_OK;
}

static int put_row(struct out *o, const json_t *row)
{
    const size_t count = json_array_size(row);
    if (!json_is_array(row) || count == 0)
        return refuse(o, "ARG", "cnkit.csv_rows", "row %s, column %s: a row is a list of cells, one at least");
    if (count > COLUMNS_MAX)
        return refuse(o, "LIMIT", "cnkit.csv_size", "row %s, column %s: the row has more than 256 cells");
    for (size_t i = 0; i < count; i++) {
        o->column = (int)i + 1;
        if (reserve(o, 4) != MUSTER_OK)
            return MUSTER_FAILED;
        if (i > 0)
            put(o, &o->delimiter, 1);
        if (put_cell(o, json_array_get(row, i)) != MUSTER_OK)
            return MUSTER_FAILED;
    }
    if (reserve(o, 2) != MUSTER_OK)
        return MUSTER_FAILED;
    put(o, "\r\n", 2);
    return MUSTER_OK;
}

static int take_columns(struct out *o, const json_t *list)
{
    size_t i;
    json_t *item;
    if (!json_is_array(list))
        return refuse(o, "ARG", "cnkit.csv_options", "text_cols is a list of column numbers from 1 to 256");
    json_array_foreach(list, i, item)
    {
        const json_int_t n = json_is_integer(item) ? json_integer_value(item) : 0;
        if (n < 1 || n > COLUMNS_MAX)
            return refuse(o, "ARG", "cnkit.csv_options", "text_cols is a list of column numbers from 1 to 256");
        o->text_cols[n] = true;
    }
    return MUSTER_OK;
}

static int take_word(struct out *o, const json_t *value, const char *const *words, int count, const char *what)
{
    for (int i = 0; json_is_string(value) && i < count; i++)
        if (strcmp(json_string_value(value), words[i]) == 0)
            return i;
    refuse(o, "ARG", "cnkit.csv_options", what);
    return -1;
}

static int take_options(struct out *o, json_t *options)
{
    static const char *const delimiters[] = {"comma", "semicolon", "tab"}, *const encodings[] = {"utf8", "gb18030"};
    const char *key;
    json_t *value;
    if (!json_is_object(options) && !cnkit_is_empty(options))
        return refuse(o, "ARG", "cnkit.csv_options", "options is a map with bom, text_cols, delimiter, encoding");
    json_object_foreach(options, key, value)
    {
        int word = 0;
        if (strcmp(key, "bom") == 0 && json_is_boolean(value))
            o->bom = json_is_true(value);
        else if (strcmp(key, "text_cols") == 0)
            word = take_columns(o, value);
        else if (strcmp(key, "delimiter") == 0)
            word = take_word(o, value, delimiters, 3, "delimiter is comma, semicolon or tab");
        else if (strcmp(key, "encoding") == 0)
            word = take_word(o, value, encodings, 2, "encoding is utf8 or gb18030");
        else
            return refuse(o, "ARG", "cnkit.csv_options", "options is a map with bom, text_cols, delimiter, encoding");
        if (word < 0)
            return MUSTER_FAILED;
        if (strcmp(key, "delimiter") == 0)
            o->delimiter = ",;\t"[word];
        if (strcmp(key, "encoding") == 0)
            o->gb18030 = word == 1;
    }
    return MUSTER_OK;
}

static int put_rows(struct out *o, const json_t *rows)
{
    if (!json_is_array(rows) || json_array_size(rows) > ROWS_MAX)
        return o->host->fail(o->call, "LIMIT", "cnkit.csv_size", "rows", "rows is a list of at most 20000 rows", NULL,
                             0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        o->row = (int)i + 1;
        o->column = 1;
        if (put_row(o, json_array_get(rows, i)) != MUSTER_OK || (i % 64 == 0 && o->host->stopped(o->call)))
            return MUSTER_FAILED;
    }
    return MUSTER_OK;
}

/* GB18030 has no use for a mark: who opens such a file takes it for what it is. */
static int reply_file(struct out *o)
{
    struct muster_text file = {o->bytes ? o->bytes : "", o->len};
    if (o->gb18030 && cnkit_encode(o->host, o->call, file, &file) != MUSTER_OK)
        return MUSTER_FAILED;
    o->host->reply_blob(o->call, file);
    return MUSTER_OK;
}

CNKIT_COMMAND(csv_format)
{
    struct out o = {.host = host, .call = call, .delimiter = ',', .bom = true};
    json_t *rows = json_loadb(args[0].s.data, args[0].s.len, JSON_DECODE_ANY, NULL), *options = NULL;
    int rv = rows ? MUSTER_OK
                  : host->fail(call, "ARG", "cnkit.csv_rows", "rows", "rows is no JSON that can be read", NULL, 0);
    if (rv == MUSTER_OK && args[1].type != MUSTER_NULL) {
        options = json_loadb(args[1].s.data, args[1].s.len, JSON_DECODE_ANY, NULL);
        rv = take_options(&o, options);
    }
    if (rv == MUSTER_OK && o.bom && !o.gb18030 && (rv = reserve(&o, 3)) == MUSTER_OK)
        put(&o, "\xEF\xBB\xBF", 3);
    if (rv == MUSTER_OK)
        rv = put_rows(&o, rows);
    if (rv == MUSTER_OK)
        rv = reply_file(&o);
    free(o.bytes);
    json_decref(options);
    json_decref(rows);
    return rv;
}
