/* Removing all that a plugin keeps. */
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>

#include "store/driver.h"

/* Dropping a table deletes its rows first, which the references of others of the plugin's tables may forbid, in
 * whatever order one goes. So all rows go while the checks wait, and the tables after them. No other plugin's table can
 * refer to these (see migrate.c), so nothing is left to be checked at the end. */

#define TABLES_MAX 1000

int migrate_tables(struct store *s, const char *owner, struct buf *names, struct err *err)
{
    static const struct slice sql = SLICE("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                          "AND substr(name, 1, length(?)) = ? ORDER BY name");
    char prefix[80];
    snprintf(prefix, sizeof(prefix), "%s_", owner);
    const struct value args[] = {value_cstr(prefix), value_cstr(prefix)};
    struct cursor *c = NULL;
    struct value name;
    int count = 0;
    int rv = store_query(s, NULL, sql, args, 2, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        cursor_value(c, 0, &name);
        buf_slice(names, name.s);
        buf_byte(names, '\0');
        rv = ++count > TABLES_MAX ? err_set(err, ERR_LIMIT, "%s has more than %d tables", owner, TABLES_MAX) : 0;
    }
    cursor_close(c);
    return rv < 0 ? rv : count;
}

/* `verb` with each table's name behind it. */
static int run_each(struct store *s, const char *verb, const struct buf *names, struct err *err)
{
    struct buf sql = {0};
    int rv = 0;
    for (size_t at = 0; rv == 0 && at < names->len; at += strlen(names->data + at) + 1) {
        buf_clear(&sql);
        buf_fmt(&sql, "%s \"%s\"", verb, names->data + at);
        rv = store_run(s, buf_cstr(&sql), NULL, 0, err);
    }
    buf_close(&sql);
    return rv;
}

int migrate_purge(struct store *s, const char *owner, struct err *err)
{
    const struct value args[] = {value_cstr(owner)};
    struct buf names = {0};
    if (s->level == 0) {
        return err_set(err, ERR_STATE, "tables are dropped inside a command");
    }
    if (!owner[0] || strcmp(owner, "muster") == 0 || strcmp(owner, "sqlite") == 0) {
        return err_set(err, ERR_ARG, "\"%s\" is no plugin whose tables could be dropped", owner);
    }
    int count = migrate_tables(s, owner, &names, err);
    int rv = count < 0 ? count : store_run(s, "PRAGMA defer_foreign_keys=ON", NULL, 0, err);
    rv = rv == 0 ? run_each(s, "DELETE FROM", &names, err) : rv;
    rv = rv == 0 ? run_each(s, "DROP TABLE", &names, err) : rv;
    /* Not through the front: it must happen even when an error has doomed the command. */
    const struct statement end = {NULL, GUARD_COMMAND, SLICE("PRAGMA defer_foreign_keys=OFF"), NULL, 0, false};
    int ended = s->driver->exec(s, &end, NULL, rv == 0 ? err : NULL);
    rv = rv == 0 ? ended : rv;
    rv = rv == 0 ? store_run(s, "DELETE FROM muster_migration WHERE owner = ?", args, 1, err) : rv;
    buf_close(&names);
    return rv < 0 ? rv : count;
}
