/* What a plugin's SQL may be and may touch. */
#ifndef MUSTER_STORE_GUARD_H
#define MUSTER_STORE_GUARD_H

#include "base/buf.h"
#include "base/err.h"

enum guard_use {
    GUARD_COMMAND,  /* one statement: SELECT, WITH, INSERT, UPDATE, DELETE */
    GUARD_MIGRATION /* one statement, also CREATE/ALTER/DROP of TABLE and INDEX */
};

/* The token rules of the portable SQL subset: refuses what other engines lack or answer otherwise (INSERT OR,
 * REPLACE, PRAGMA, ATTACH, transaction control, GLOB, json_*, datetime, random, scalar max/min, … ) and says what to
 * write instead. 0 or ERR_POLICY with rule "sql.<word>". */
int guard_lint(struct slice sql, enum guard_use use, struct err *err);
/* Length of the first statement of `sql` (its semicolon included), skipping strings and comments; 0 when only blanks
 * are left. */
size_t guard_statement(struct slice sql);
/* May `plugin` read / change this table? Own prefix "plugin_"; reading also muster_unit. */
bool guard_may_read(const char *plugin, const char *table);
bool guard_may_write(const char *plugin, const char *table);

#endif
