#include "xlsx.h"

#include <stdio.h>
#include <stdlib.h>

/* The parts around the sheets: which sheets there are, which part each is, the texts that cells share, and which styles are
 * dates. */

/* A part of small things; `inside` counts what is open. */
struct reader {
    struct xlsx_reader base;
    char *text; /* of the shared string being read */
    size_t len, cap;
    bool in_item, in_text, in_reading, in_formats;
};

static void keep(struct xlsx *x, struct xlsx_texts *t, const char *text)
{
    if (!xlsx_add(t, text ? text : "", text ? strlen(text) : 0))
        xlsx_refuse(x, "LIMIT", "there is no memory for the file");
}

/* -- the workbook, and where its parts are -- */

static void start_book(void *arg, const char *name, const char **attributes)
{
    struct xlsx *x = ((struct reader *)arg)->base.x;
    name = xlsx_local(name);
    if (strcmp(name, "workbookPr") == 0) {
        const char *from = xlsx_attribute(attributes, "date1904");
        x->from_1904 = from && (*from == '1' || *from == 't');
    } else if (strcmp(name, "sheet") == 0 && x->names.count >= XLSX_SHEETS_MAX) {
        xlsx_refuse(x, "LIMIT", "the file has more than 50 sheets");
    } else if (strcmp(name, "sheet") == 0) {
        const char *id = NULL;
        for (const char **a = attributes; *a; a += 2) /* r:id, beside sheetId */
            if (strcmp(xlsx_local(a[0]), "id") == 0 && strchr(a[0], ':'))
                id = a[1];
        keep(x, &x->names, xlsx_attribute(attributes, "name"));
        keep(x, &x->ids, id);
    }
}

static void start_relation(void *arg, const char *name, const char **attributes)
{
    struct xlsx *x = ((struct reader *)arg)->base.x;
    if (strcmp(xlsx_local(name), "Relationship") == 0 && x->relations.count < 2000) {
        keep(x, &x->relations, xlsx_attribute(attributes, "Id"));
        keep(x, &x->relations, xlsx_attribute(attributes, "Target"));
    }
}

const char *xlsx_target(const struct xlsx *x, size_t sheet)
{
    for (size_t i = 0; i + 1 < x->relations.count; i += 2)
        if (strcmp(xlsx_text(&x->relations, i), xlsx_text(&x->ids, sheet)) == 0)
            return xlsx_text(&x->relations, i + 1);
    return NULL;
}

/* -- shared texts: of an item all runs, but not how it is read (rPh) -- */

static void start_string(void *arg, const char *name, const char **attributes)
{
    struct reader *r = arg;
    (void)attributes;
    name = xlsx_local(name);
    if (strcmp(name, "si") == 0) {
        r->in_item = true;
        r->len = 0;
    } else if (strcmp(name, "rPh") == 0)
        r->in_reading = true;
    else if (strcmp(name, "t") == 0)
        r->in_text = r->in_item && !r->in_reading;
}

static void end_string(void *arg, const char *name)
{
    struct reader *r = arg;
    name = xlsx_local(name);
    if (strcmp(name, "si") == 0) {
        if (!xlsx_add(&r->base.x->strings, r->text ? r->text : "", xlsx_unescape(r->text, r->len)))
            xlsx_refuse(r->base.x, "LIMIT", "there is no memory for the file");
        r->in_item = false;
    } else if (strcmp(name, "rPh") == 0)
        r->in_reading = false;
    else if (strcmp(name, "t") == 0)
        r->in_text = false;
}

static void text_string(void *arg, const char *text, int len)
{
    struct reader *r = arg;
    if (!r->in_text)
        return;
    if (r->len + (size_t)len > XLSX_CELL_BYTES_MAX) {
        xlsx_refuse_size(r->base.x);
        return;
    }
    if (r->len + (size_t)len > r->cap) {
        r->cap = 2 * (r->len + (size_t)len);
        char *more = realloc(r->text, r->cap);
        if (!more)
            xlsx_refuse(r->base.x, "LIMIT", "there is no memory for the file");
        if (!more)
            return;
        r->text = more;
    }
    memcpy(r->text + r->len, text, (size_t)len);
    r->len += (size_t)len;
}

/* -- styles -- */

/* Hours, minutes or seconds in brackets are counted, not told: [h], [mm]. `code` is at the bracket. */
static bool is_counted(const char *code)
{
    const size_t letters = strspn(code + 1, "hHmMsS");
    return letters > 0 && code[1 + letters] == ']';
}

/* What does a number format's code show? Quoted texts, colours and places in brackets do not count. */
static enum xlsx_shows shows(const char *code)
{
    for (; *code; code++) {
        if (*code == '"')
            code = strchr(code + 1, '"') ? strchr(code + 1, '"') : code;
        else if (*code == '[' && is_counted(code))
            return XLSX_HOURS;
        else if (*code == '[')
            code = strchr(code, ']') ? strchr(code, ']') : code;
        else if (*code == '\\' && code[1])
            code++;
        else if (strchr("yYdDhHsSmM", *code))
            return XLSX_DATE;
    }
    return XLSX_NUMBER;
}

/* The numbers of date formats that every spreadsheet knows, the Chinese ones among them; 46 is [h]:mm:ss. Source:
 * ECMA-376 part 1, 18.8.30. */
static enum xlsx_shows known(long id)
{
    const bool date =
        (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);
    return id == 46 ? XLSX_HOURS : date ? XLSX_DATE : XLSX_NUMBER;
}

static enum xlsx_shows of_format(const struct xlsx *x, const char *id)
{
    for (size_t i = 0; id && i + 1 < x->formats.count; i += 2)
        if (strcmp(xlsx_text(&x->formats, i), id) == 0)
            return strcmp(xlsx_text(&x->formats, i + 1), "General") == 0 ? XLSX_NUMBER
                                                                         : shows(xlsx_text(&x->formats, i + 1));
    return id ? known(strtol(id, NULL, 10)) : XLSX_NUMBER;
}

static void start_style(void *arg, const char *name, const char **attributes)
{
    struct reader *r = arg;
    struct xlsx *x = r->base.x;
    name = xlsx_local(name);
    if (strcmp(name, "cellXfs") == 0) {
        r->in_formats = true;
    } else if (strcmp(name, "numFmt") == 0 && x->formats.count < 4000) {
        keep(x, &x->formats, xlsx_attribute(attributes, "numFmtId"));
        keep(x, &x->formats, xlsx_attribute(attributes, "formatCode"));
    } else if (strcmp(name, "xf") == 0 && r->in_formats && x->nstyles < XLSX_STYLES_MAX) {
        x->shows[x->nstyles++] = (unsigned char)of_format(x, xlsx_attribute(attributes, "numFmtId"));
    }
}

static void end_style(void *arg, const char *name)
{
    if (strcmp(xlsx_local(name), "cellXfs") == 0)
        ((struct reader *)arg)->in_formats = false;
}

static void end_nothing(void *arg, const char *name)
{
    (void)arg, (void)name;
}

static void no_text(void *arg, const char *text, int len)
{
    (void)arg, (void)text, (void)len;
}

void xlsx_read_book(struct xlsx *x)
{
    struct reader r = {.base = {x}};
    if (!xlsx_read(x, "xl/workbook.xml", start_book, end_nothing, no_text, &r.base))
        xlsx_refuse(x, "ARG", "the file is a zip archive, but no XLSX file");
    xlsx_read(x, "xl/_rels/workbook.xml.rels", start_relation, end_nothing, no_text, &r.base);
    xlsx_read(x, "xl/sharedStrings.xml", start_string, end_string, text_string, &r.base);
    xlsx_read(x, "xl/styles.xml", start_style, end_style, no_text, &r.base);
    free(r.text);
}
