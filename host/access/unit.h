/* The unit tree as far as the host needs it: code → path, the measure of every scope. */
#ifndef MUSTER_ACCESS_UNIT_H
#define MUSTER_ACCESS_UNIT_H

#include "store/store.h"

/* The path of a unit is its parent's path (a root: "/"), its code and "/". Whole subtree of path P: path >= P AND
 * path < E, where E is P with its last '/' replaced by '0', the next byte. */

#define UNIT_CODE_MAX 64 /* bytes */
#define UNIT_PATH_MAX 1024
#define UNIT_DEPTH_MAX 32

/* Add a unit, or move it with its whole subtree; parent.len == 0: a root. 0, or ERR_ARG (rule "unit.code"),
 * ERR_NOTFOUND (parent), ERR_STATE (rule "unit.cycle"), ERR_LIMIT (rule "unit.depth"). Inside a command. `*moved`:
 * did any path change that existed before? */
int unit_set(struct store *s, struct slice code, struct slice parent, bool *moved, struct err *err);
/* Put the path into `path`, replacing its content: 1 found, 0 no such unit, or an error. */
int unit_path(struct store *s, struct slice code, struct buf *path, struct err *err);

#endif
