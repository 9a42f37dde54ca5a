#include "xlsx.h"

#include <stdio.h>
#include <stdlib.h>

/* Reading: the archive is opened where it lies, each sheet is read once, and its rows go straight into the reply. Empty
 * cells and rows are held back until something follows them, so that what is only formatted costs nothing. */

enum { ROWS_MAX = 20000, COLUMNS_MAX = 256, CELLS_MAX = 400000, PARTS_MAX = 1000 };
enum { REPLY_BYTES_MAX = (8 << 20) - 65536, ITEM_BYTES = 10 };

struct sheet {
    struct xlsx_reader base;
    long row, column;   /* of the last cell, from 1 */
    long open_row;      /* the row being replied; 0: none yet */
    long filled;        /* cells replied in it */
    long *rows, *cells; /* in all sheets */
    char type[16];
    size_t style;
    bool in_cell, in_value, in_reading;
    char *text;
    size_t len;
};

/* -- the reply -- */

/* Replies end at 8 MiB; what would not fit is not even read. */
static void count_bytes(struct xlsx *x, size_t len)
{
    x->replied += len + ITEM_BYTES;
    if (x->replied > REPLY_BYTES_MAX)
        xlsx_refuse(x, "LIMIT", "the file's texts are more than 8 MiB in all; send it in parts");
}

static void reply_cell(struct sheet *s, const char *text, size_t len)
{
    struct xlsx *x = s->base.x;
    while (s->open_row < s->row) {
        if (s->open_row)
            x->host->reply_close(x->call);
        x->host->reply_array_open(x->call);
        s->open_row++;
        s->filled = 0;
        count_bytes(x, 0);
        if (++*s->rows > ROWS_MAX)
            xlsx_refuse_size(s->base.x);
        if (x->why)
            return;
    }
    for (; s->filled < s->column && !x->why; s->filled++) {
        const bool last = s->filled + 1 == s->column;
        count_bytes(x, last ? len : 0);
        x->host->reply_text(x->call, (struct muster_text){last ? text : "", last ? len : 0});
        if (++*s->cells > CELLS_MAX)
            xlsx_refuse_size(s->base.x);
    }
}

static void finish_cell(struct sheet *s)
{
    struct xlsx *x = s->base.x;
    char number[64];
    s->text[s->len] = '\0';
    if (s->len == 0)
        return;
    if (strcmp(s->type, "s") == 0) {
        const unsigned long nth = strtoul(s->text, NULL, 10);
        if (nth >= x->strings.count)
            xlsx_refuse(x, "ARG", "a cell names a text that the file does not have");
        else
            reply_cell(s, xlsx_text(&x->strings, nth), xlsx_text_len(&x->strings, nth));
    } else if (strcmp(s->type, "b") == 0) {
        const char *word = s->text[0] == '1' ? "TRUE" : "FALSE";
        reply_cell(s, word, strlen(word));
    } else if (strcmp(s->type, "n") == 0) {
        const char *shown = xlsx_number(x, s->text, s->style, number);
        reply_cell(s, shown, strlen(shown));
    } else
        reply_cell(s, s->text, xlsx_unescape(s->text, s->len));
}

/* -- the sheet's part -- */

/* "BC12" as column and row; without a place it is the next cell. */
static void take_place(struct sheet *s, const char *place)
{
    if (!place) {
        s->column++;
        return;
    }
    s->column = 0;
    for (; *place >= 'A' && *place <= 'Z' && s->column <= COLUMNS_MAX; place++)
        s->column = s->column * 26 + (*place - 'A' + 1);
    if (*place >= '0' && *place <= '9')
        s->row = strtol(place, NULL, 10);
}

static void start(void *arg, const char *name, const char **attributes)
{
    struct sheet *s = arg;
    const char *value;
    name = xlsx_local(name);
    if (strcmp(name, "row") == 0) {
        value = xlsx_attribute(attributes, "r");
        s->row = value ? strtol(value, NULL, 10) : s->row + 1;
        s->column = 0;
    } else if (strcmp(name, "c") == 0) {
        const long before = s->row, column = s->column;
        take_place(s, xlsx_attribute(attributes, "r"));
        if (s->row < before || s->row < s->open_row || (s->row == before && s->column <= column) || s->row < 1)
            xlsx_refuse(s->base.x, "ARG", "the cells of a sheet are out of order");
        value = xlsx_attribute(attributes, "t");
        snprintf(s->type, sizeof(s->type), "%s", value ? value : "n");
        value = xlsx_attribute(attributes, "s");
        s->style = value ? strtoul(value, NULL, 10) : 0;
        s->in_cell = true;
        s->len = 0;
    } else if (strcmp(name, "rPh") == 0)
        s->in_reading = true;
    else if (strcmp(name, "v") == 0 || strcmp(name, "t") == 0)
        s->in_value = s->in_cell && !s->in_reading;
}

static void end(void *arg, const char *name)
{
    struct sheet *s = arg;
    name = xlsx_local(name);
    if (strcmp(name, "c") == 0) {
        if (s->len > 0 && (s->row > ROWS_MAX || s->column > COLUMNS_MAX))
            xlsx_refuse_size(s->base.x);
        else if (!s->base.x->why)
            finish_cell(s);
        s->in_cell = false;
    } else if (strcmp(name, "rPh") == 0)
        s->in_reading = false;
    else if (strcmp(name, "v") == 0 || strcmp(name, "t") == 0)
        s->in_value = false;
}

static void text(void *arg, const char *piece, int len)
{
    struct sheet *s = arg;
    if (!s->in_value)
        return;
    if (s->len + (size_t)len > XLSX_CELL_BYTES_MAX) {
        xlsx_refuse_size(s->base.x);
        return;
    }
    memcpy(s->text + s->len, piece, (size_t)len);
    s->len += (size_t)len;
}

static void read_sheet(struct xlsx *x, size_t nth, long *rows, long *cells)
{
    struct sheet *s = x->host->alloc(x->call, sizeof(*s));
    char part[256];
    const char *target = xlsx_target(x, nth);
    if (!s || !(s->text = x->host->alloc(x->call, XLSX_CELL_BYTES_MAX + 1))) {
        xlsx_refuse(x, "LIMIT", "there is no memory for the file");
        return;
    }
    s->base.x = x;
    s->rows = rows;
    s->cells = cells;
    snprintf(part, sizeof(part), "%s%s", target && *target == '/' ? "" : "xl/", target ? target : "");
    const struct muster_text name = {xlsx_text(&x->names, nth), xlsx_text_len(&x->names, nth)};
    x->host->reply_map_open(x->call);
    x->host->reply_key(x->call, "name");
    x->host->reply_text(x->call, name);
    x->host->reply_key(x->call, "rows");
    x->host->reply_array_open(x->call);
    if (!target || !xlsx_read(x, part, start, end, text, &s->base))
        xlsx_refuse(x, "ARG", "the file lacks one of its sheets");
    if (s->open_row)
        x->host->reply_close(x->call);
    x->host->reply_close(x->call);
    x->host->reply_close(x->call);
}

static void read_all(struct xlsx *x)
{
    long rows = 0, cells = 0;
    x->host->reply_map_open(x->call);
    x->host->reply_key(x->call, "sheets");
    x->host->reply_array_open(x->call);
    for (size_t i = 0; i < x->names.count && !x->why; i++)
        read_sheet(x, i, &rows, &cells);
    x->host->reply_close(x->call);
    x->host->reply_close(x->call);
}

/* -- the archive -- */

static const char *open_zip(struct xlsx *x, struct muster_text bytes)
{
    static const unsigned char compound[] = {0xD0, 0xCF, 0x11, 0xE0};
    zip_error_t error;
    if (bytes.len >= 4 && memcmp(bytes.data, compound, 4) == 0)
        return "the file is an old .xls, or has a password: save it as .xlsx, without one";
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes.data, bytes.len, 0, &error);
    x->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (source && !x->zip)
        zip_source_free(source);
    zip_error_fini(&error);
    if (!x->zip || zip_get_num_entries(x->zip, 0) > PARTS_MAX)
        return "the file is no XLSX file: open it in a spreadsheet and save it as .xlsx";
    return NULL;
}

CNKIT_COMMAND(xlsx_parse)
{
    struct xlsx x = {.host = host, .call = call};
    x.shows = host->alloc(call, XLSX_STYLES_MAX);
    if (!x.shows)
        return MUSTER_FAILED;
    const char *why = open_zip(&x, args[0].s);
    if (why)
        xlsx_refuse(&x, "ARG", why);
    else
        xlsx_read_book(&x);
    if (!x.why)
        read_all(&x);
    if (x.zip)
        zip_discard(x.zip);
    struct xlsx_texts *texts[] = {&x.names, &x.ids, &x.relations, &x.strings, &x.formats};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        xlsx_texts_close(texts[i]);
    if (!x.why)
        return MUSTER_OK;
    const bool size = strcmp(x.why_code, "LIMIT") == 0;
    return host->fail(call, x.why_code, size ? "cnkit.xlsx_size" : "cnkit.xlsx_file", "bytes", x.why, NULL, 0);
}
