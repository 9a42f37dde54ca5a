/* A reply as a table for spreadsheets: rows of cells, and which columns must stay texts. */
#ifndef MUSTER_CLI_CALL_TABLE_H
#define MUSTER_CLI_CALL_TABLE_H

#include "base/err.h"
#include "plugin/declare.h"

#include <jansson.h>

enum { CALL_TABLE_COLUMNS = 256 };

struct call_table {
    bool numbers;                           /* money as numbers */
    json_t *rows;                           /* lists of cells; when the reply has keys, they are the first row */
    bool text_cols[CALL_TABLE_COLUMNS + 1]; /* from 1: a spreadsheet would spoil a text of this column */
};

/* Make a table of a reply: of a list of maps or lists, of the one such list in a map, or of the map itself. `shape` is
 * what the command declares to return, or NULL. What is declared as money is written in yuan, as a decimal or, with
 * `numbers`, a number; instants are civil time of the server's zone. 0, or ERR_STATE: the reply is no table. */
int call_table_open(struct call_table *t, json_t *reply, const struct shape *shape, bool numbers, struct err *err);
void call_table_close(struct call_table *t);

#endif
