#define _GNU_SOURCE /* memfd_create */
#include "cnkit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

/* libxlsxwriter writes to a path only; the path here is that of a file in memory. Each cell is written as what it is: a
 * text is never taken for a formula, and a number that a spreadsheet could not keep (15 digits) is a text. */

enum { SHEETS_MAX = 50, ROWS_MAX = 20000, COLUMNS_MAX = 256, CELLS_MAX = 400000, CHARS_MAX = 32767, OUT_MAX = 7 << 20 };
#define EXACT_MAX INT64_C(999999999999999) /* what a spreadsheet shows whole */

struct book {
    const struct muster_host *host;
    struct muster_call *call;
    lxw_workbook *book;
    lxw_worksheet *sheet;
    lxw_format *bold;
    int nth, rows, cells;  /* sheet, and how many there are in all */
    int row, column, head; /* in this sheet, from 1 */
    bool text_cols[COLUMNS_MAX + 1];
    int widths[COLUMNS_MAX + 1];
};

/* `what` names the sheet, or sheet and row, or all three. */
static int refuse(const struct book *b, const char *code, const char *what)
{
    const int items_in =
        (strstr(what, "sheet %s") != NULL) + (strstr(what, "row %s") != NULL) + (strstr(what, "column %s") != NULL);
    char sheet[16], row[16], column[16];
    const char *const items[] = {sheet, row, column};
    snprintf(sheet, sizeof(sheet), "%d", b->nth);
    snprintf(row, sizeof(row), "%d", b->row);
    snprintf(column, sizeof(column), "%d", b->column);
    return b->host->fail(b->call, code, strcmp(code, "LIMIT") == 0 ? "cnkit.xlsx_size" : "cnkit.xlsx_sheets", "sheets",
                         what, items, items_in);
}

/* About how wide a text is, in characters of a column's width. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (unsigned char)*text < 0x80 ? 1 : (unsigned char)*text >= 0xC0 ? 2 : 0;
    return n;
}

static int characters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* Does this text begin as a control character is written in these files, _xHHHH_? Source: ECMA-376 part 1, 22.9.2.19. */
static bool is_escape(const char *text)
{
    return text[0] == '_' && text[1] == 'x' && strspn(text + 2, "0123456789abcdefABCDEF") >= 4 && text[6] == '_';
}

/* Written as it is read: what only looks like an escape has its first sign escaped, what XML lacks is left out. Caller
 * frees. */
static char *escaped(const char *text)
{
    char *out = malloc(7 * strlen(text) + 1), *to = out;
    for (size_t step; out && *text; text += step) {
        const size_t none = cnkit_not_xml(text);
        step = none ? none : 1;
        if (is_escape(text))
            to = stpcpy(to, "_x005F_");
        else if (!none)
            *to++ = *text;
    }
    if (out)
        *to = '\0';
    return out;
}

static lxw_error put_text(struct book *b, const char *text, lxw_format *format)
{
    const int width = width_of(text);
    if (width > b->widths[b->column])
        b->widths[b->column] = width;
    char *own = escaped(text);
    const lxw_error rc =
        own ? worksheet_write_string(b->sheet, (lxw_row_t)b->row - 1, (lxw_col_t)(b->column - 1), own, format)
            : LXW_ERROR_MEMORY_MALLOC_FAILED;
    free(own);
    return rc;
}

/* An integer with more digits than a spreadsheet keeps. */
static bool is_long(const json_t *cell)
{
    const json_int_t n = json_integer_value(cell);
    return n > EXACT_MAX || n < -EXACT_MAX;
}

/* A number, true or false as a text; "" for null. */
static const char *as_text(const json_t *cell, char out[40])
{
    if (json_is_boolean(cell))
        return json_is_true(cell) ? "TRUE" : "FALSE";
    out[0] = '\0';
    if (json_is_integer(cell))
        snprintf(out, 40, "%" JSON_INTEGER_FORMAT, json_integer_value(cell));
    else if (json_is_real(cell))
        snprintf(out, 40, "%.15g", json_real_value(cell));
    return out;
}

static int put_cell(struct book *b, const json_t *cell)
{
    char number[40];
    lxw_error rc = LXW_NO_ERROR;
    lxw_format *format = b->row <= b->head ? b->bold : NULL;
    const lxw_row_t row = (lxw_row_t)b->row - 1;
    const lxw_col_t column = (lxw_col_t)(b->column - 1);
    if (++b->cells > CELLS_MAX)
        return refuse(b, "LIMIT", "sheet %s, row %s, column %s: there are more than 400000 cells in all");
    if (json_is_array(cell) || json_is_object(cell))
        return refuse(b, "ARG", "sheet %s, row %s, column %s: a cell is a text, a number, true, false or null");
    if (json_is_string(cell) && characters(json_string_value(cell)) > CHARS_MAX)
        return refuse(b, "LIMIT", "sheet %s, row %s, column %s: the cell has more than 32767 characters");
    if (json_is_string(cell))
        rc = put_text(b, json_string_value(cell), format);
    else if (b->text_cols[b->column] || is_long(cell))
        rc = put_text(b, as_text(cell, number), format);
    else if (json_is_number(cell))
        rc = worksheet_write_number(b->sheet, row, column, json_number_value(cell), format);
    else if (json_is_boolean(cell))
        rc = worksheet_write_boolean(b->sheet, row, column, json_is_true(cell), format);
    return rc == LXW_NO_ERROR ? MUSTER_OK : refuse(b, "ARG", "sheet %s, row %s, column %s: the cell can't be written");
}

static int put_row(struct book *b, const json_t *row)
{
    if (!json_is_array(row))
        return refuse(b, "ARG", "sheet %s, row %s: a row is a list of cells");
    if (json_array_size(row) > COLUMNS_MAX || ++b->rows > ROWS_MAX)
        return refuse(b, "LIMIT", "sheet %s, row %s: more than 256 cells in a row, or 20000 rows in all");
    for (size_t i = 0; i < json_array_size(row); i++) {
        b->column = (int)i + 1;
        if (put_cell(b, json_array_get(row, i)) != MUSTER_OK)
            return MUSTER_FAILED;
    }
    return b->row % 64 == 0 && b->host->stopped(b->call) ? MUSTER_FAILED : MUSTER_OK;
}

/* -- a sheet -- */

static int take_columns(struct book *b, const json_t *list)
{
    size_t i;
    json_t *item;
    memset(b->text_cols, 0, sizeof(b->text_cols));
    if (list && !json_is_array(list))
        return refuse(b, "ARG", "sheet %s: text_cols is a list of column numbers from 1 to 256");
    json_array_foreach(list, i, item)
    {
        const json_int_t n = json_integer_value(item);
        if (n < 1 || n > COLUMNS_MAX)
            return refuse(b, "ARG", "sheet %s: text_cols is a list of column numbers from 1 to 256");
        b->text_cols[n] = true;
    }
    return MUSTER_OK;
}

static void set_widths(struct book *b)
{
    for (int i = 1; i <= COLUMNS_MAX; i++)
        if (b->widths[i] > 8)
            worksheet_set_column(b->sheet, (lxw_col_t)(i - 1), (lxw_col_t)(i - 1),
                                 b->widths[i] > 60 ? 60 : b->widths[i] + 1, NULL);
    if (b->head)
        worksheet_freeze_panes(b->sheet, (lxw_row_t)b->head, 0);
}

/* Names of sheets have no escapes. */
static bool has_control(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || cnkit_not_xml(name))
            return true;
    return false;
}

/* A map with these keys and no others, for a misspelt one would be left out silently. */
static bool is_sheet(const json_t *sheet)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)sheet, key, value)
    {
        const bool known = (strcmp(key, "name") == 0 && json_is_string(value)) ||
                           (strcmp(key, "rows") == 0 && json_is_array(value)) ||
                           (strcmp(key, "head") == 0 && json_is_integer(value)) || strcmp(key, "text_cols") == 0;
        if (!known)
            return false;
    }
    return json_object_get(sheet, "name") && json_object_get(sheet, "rows");
}

static int put_sheet(struct book *b, const json_t *sheet)
{
    const char *name = json_string_value(json_object_get(sheet, "name"));
    const json_t *rows = json_object_get(sheet, "rows");
    const json_int_t head = json_integer_value(json_object_get(sheet, "head"));
    b->row = 0;
    memset(b->widths, 0, sizeof(b->widths));
    if (!is_sheet(sheet) || head < 0 || head > 100)
        return refuse(b, "ARG",
                      "sheet %s: a sheet is a map with name, rows and, if you like, head (0 to 100) and text_cols");
    b->head = (int)head;
    if (workbook_validate_sheet_name(b->book, name) != LXW_NO_ERROR || !*name || has_control(name))
        return refuse(b, "ARG",
                      "sheet %s: a name has 1 to 31 characters, no control characters, none of []:*?/\\, and no other "
                      "sheet has it");
    if (take_columns(b, json_object_get(sheet, "text_cols")) != MUSTER_OK)
        return MUSTER_FAILED;
    b->sheet = workbook_add_worksheet(b->book, name);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        b->row = (int)i + 1;
        if (put_row(b, json_array_get(rows, i)) != MUSTER_OK)
            return MUSTER_FAILED;
    }
    set_widths(b);
    return MUSTER_OK;
}

static int put_sheets(struct book *b, const json_t *sheets)
{
    if (!json_is_array(sheets) || json_array_size(sheets) == 0 || json_array_size(sheets) > SHEETS_MAX)
        return b->host->fail(b->call, "ARG", "cnkit.xlsx_sheets", "sheets", "sheets is a list of 1 to 50 sheets", NULL,
                             0);
    for (size_t i = 0; i < json_array_size(sheets); i++) {
        b->nth = (int)i + 1;
        if (put_sheet(b, json_array_get(sheets, i)) != MUSTER_OK)
            return MUSTER_FAILED;
    }
    return MUSTER_OK;
}

/* -- the file -- */

static int reply_file(struct book *b, int fd)
{
    const off_t len = lseek(fd, 0, SEEK_END);
    if (len <= 0 || len > OUT_MAX)
        return b->host->fail(b->call, "LIMIT", "cnkit.xlsx_size", "sheets", "the file would have more than 7 MiB", NULL,
                             0);
    void *bytes = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return b->host->fail(b->call, "LIMIT", "cnkit.xlsx_size", "sheets", "there is no memory for the file", NULL, 0);
    b->host->reply_blob(b->call, (struct muster_text){bytes, (size_t)len});
    munmap(bytes, (size_t)len);
    return MUSTER_OK;
}

CNKIT_COMMAND(xlsx_write)
{
    char path[40];
    struct book *b = host->alloc(call, sizeof(*b));
    const int fd = b ? memfd_create("xlsx", MFD_CLOEXEC) : -1;
    if (!b)
        return MUSTER_FAILED;
    *b = (struct book){.host = host, .call = call};
    if (fd < 0)
        return host->fail(call, "STATE", "cnkit.xlsx_memory", NULL, "this process may make no file in memory", NULL, 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    json_t *sheets = json_loadb(args[0].s.data, args[0].s.len, 0, NULL);
    b->book = workbook_new(path);
    b->bold = workbook_add_format(b->book);
    format_set_bold(b->bold);
    /* No clock: the same sheets always give the same bytes. */
    lxw_doc_properties properties = {.created = 1577836800};
    workbook_set_properties(b->book, &properties);
    int rv = put_sheets(b, sheets);
    if (rv != MUSTER_OK)
        lxw_workbook_free(b->book); /* nothing is written */
    else if (workbook_close(b->book) != LXW_NO_ERROR)
        rv = host->fail(call, "STATE", "cnkit.xlsx_memory", NULL, "this process may make no temporary files", NULL, 0);
    if (rv == MUSTER_OK)
        rv = reply_file(b, fd);
    close(fd);
    json_decref(sheets);
    return rv;
}
