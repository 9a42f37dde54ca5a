/* One value in one line, shown as its declared shape (plugin/declare.h) wants it: instants as civil time of the
 * server's zone, money in yuan, truth as ✓ or –. Shapes may be NULL: nothing is declared, and numbers stay numbers. */
#ifndef MUSTER_CLI_CELL_H
#define MUSTER_CLI_CELL_H

#include "base/buf.h"
#include "plugin/declare.h"

/* For the manuals of the subcommands. */
#define CELL_MANUAL                                                                                                    \
    "Replies are shown for people: instants as civil time of the server's zone,\n"                                     \
    "amounts in yuan where the heading says so (commands take fen), ✓ and – for true and false. JSON is exact.\n"

/* Take the zone from the server's reply to HELLO (zone_min); UTC before. */
void cell_use_hello(struct slice hello);

/* What is declared of the value under `key` of a map, and of the elements of an array. */
const struct shape *cell_field(const struct shape *map, struct slice key);
const struct shape *cell_item(const struct shape *array);

/* Is it money: declared so, or an integer whose name ends in _fen? */
bool cell_is_money(const struct shape *shape);
/* Append the heading: `net_fen` is "net (yuan)". */
void cell_key(struct slice key, const struct shape *shape, struct buf *out);
/* Append an instant as civil time. */
void cell_instant(int64_t ms, struct buf *out);
/* Append one value. Containers are shown as JSON, in which instants and fen stay as they are. */
void cell_put(struct slice value, const struct shape *shape, struct buf *out);
/* Does it belong to the right of its column? */
bool cell_is_number(struct slice value, const struct shape *shape);

#endif
