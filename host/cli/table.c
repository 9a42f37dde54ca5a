#include "cli/table.h"
#include "base/utf8.h"

#include <stdlib.h>

/* Chinese characters take two columns, combining marks none: padding counts columns, never bytes. */

#define GAP 2
#define WIDTH_MAX                                                                                                      \
    60 /* a wider cell stands as it is and is not padded for: one long text must not tear all rows apart */

/* Length of the UTF-8 character at the start of s, 0 when it is none. */
static size_t character(struct slice s)
{
    unsigned char first = (unsigned char)s.data[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    return len > 0 && len <= s.len && (first == 0 || utf8_valid((struct slice){s.data, len})) ? len : 0;
}

void table_text(struct slice text, struct buf *out)
{
    while (text.len > 0) {
        size_t len = character(text);
        unsigned char first = (unsigned char)text.data[0];
        bool c1 = len == 2 && first == 0xc2 && (unsigned char)text.data[1] < 0xa0;
        if (len == 0)
            buf_byte(out, '?');
        else if (c1 || (len == 1 && (first < ' ' || first == 0x7f)))
            buf_byte(out, ' ');
        else
            buf_append(out, text.data, len);
        size_t step = len > 0 ? len : 1;
        text.data += step;
        text.len -= step;
    }
}

void table_add(struct table *t, struct slice text, bool number)
{
    if (t->count == t->cap) {
        t->cap = t->cap > 0 ? t->cap * 2 : 64;
        t->cells = mem_realloc(t->cells, (size_t)t->cap * sizeof *t->cells);
    }
    struct buf clean = {0};
    table_text(text, &clean);
    t->cells[t->count++] = (struct table_cell){
        .text = mem_dup_slice(buf_view(&clean)), .width = (int)utf8_width(buf_view(&clean)), .number = number};
    buf_close(&clean);
}

static void pad(struct buf *out, int count)
{
    for (int i = 0; i < count; i++)
        buf_byte(out, ' ');
}

static void measure(const struct table *t, int *width, bool *right)
{
    for (int c = 0; c < t->columns; c++) {
        width[c] = 0;
        right[c] = t->count > t->columns;
        for (int i = c; i < t->count; i += t->columns) {
            const struct table_cell *cell = &t->cells[i];
            if (cell->width > width[c] && cell->width <= WIDTH_MAX)
                width[c] = cell->width;
            if (i >= t->columns && !cell->number && cell->text[0] != '\0')
                right[c] = false;
        }
    }
}

static void write_row(const struct table *t, int first, const int *width, const bool *right, struct buf *out)
{
    for (int c = 0; c < t->columns; c++) {
        const struct table_cell none = {.text = ""};
        const struct table_cell *cell = first + c < t->count ? &t->cells[first + c] : &none;
        bool last = c == t->columns - 1;
        if (right[c])
            pad(out, width[c] - cell->width);
        buf_text(out, cell->text);
        if (!right[c] && !last)
            pad(out, width[c] - cell->width);
        if (!last)
            pad(out, GAP);
    }
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        buf_truncate(out, out->len - 1);
    buf_byte(out, '\n');
}

void table_write(const struct table *t, struct buf *out)
{
    if (t->columns <= 0 || t->count == 0)
        return;
    int *width = mem_zalloc((size_t)t->columns * sizeof *width);
    bool *right = mem_zalloc((size_t)t->columns * sizeof *right);
    measure(t, width, right);
    for (int first = 0; first < t->count; first += t->columns) {
        write_row(t, first, width, right, out);
        if (first > 0)
            continue;
        for (int c = 0; c < t->columns; c++) { /* a rule under the header */
            for (int i = 0; i < width[c]; i++)
                buf_text(out, "\u2500");
            if (c < t->columns - 1)
                pad(out, GAP);
        }
        buf_byte(out, '\n');
    }
    free(width);
    free(right);
}

void table_close(struct table *t)
{
    for (int i = 0; i < t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (struct table){0};
}
