/* Replies and rows as text for people: columns by display width, control characters made harmless. */
#ifndef MUSTER_CLI_TABLE_H
#define MUSTER_CLI_TABLE_H

#include "base/buf.h"

/* A table filled cell by cell in reading order, the header first. Zero-initialise `columns` and the rest;
 * table_close frees. */
struct table {
    int columns;
    int count; /* cells so far, the header's included */
    int cap;
    struct table_cell {
        char *text;
        int width;
        bool number;
    } * cells;
};

void table_add(struct table *t, struct slice text, bool number);
/* Append the rows; a missing last cell is empty. A column whose values are all numbers is aligned to the right. */
void table_write(const struct table *t, struct buf *out);
void table_close(struct table *t);

/* Append text in one line for a terminal: control characters (C0, DEL, C1) become spaces, bytes that are no UTF-8
 * "?". */
void table_text(struct slice text, struct buf *out);

struct shape;
/* Append one whole reply: an array of maps as a table, a map as "key: value" lines, other arrays one element a
 * line. `shape` is what the command declares to return, or NULL (see cli/cell.h). Ends with LF. */
void pretty_reply(struct slice reply, const struct shape *shape, struct buf *out);

#endif
