/* The authorizer: which tables and functions a plugin's statement touches. */
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "store/sqlite.h"

/* SQLite asks the authorizer about every table, column and function while it prepares a statement, and asks again
 * when it prepares it anew after a change of schema; so the driver names the plugin before every prepare and every
 * first step. The host's own statements (plugin NULL) pass.
 *
 * One question is ambiguous. A table that is only counted ("SELECT count(*) FROM x") is reported by the name in the
 * text, without a column, and x may as well be a query of the statement's own WITH. Such names are noted and settled
 * after the prepare, when the schema can be asked whether a table of that name exists. (Virtual tables, which the
 * schema does not know, are switched off.) */

static const char *const functions[] = {
    "coalesce", "nullif", "substr", "substring",   "length",     "upper",      "lower",        "abs",
    "round",    "trim",   "ltrim",  "rtrim",       "replace",    "count",      "sum",          "min",
    "max",      "avg",    "like",   "row_number",  "rank",       "dense_rank", "percent_rank", "cume_dist",
    "ntile",    "lag",    "lead",   "first_value", "last_value", "nth_value",
};

/* What SQLite itself calls and reads inside CREATE INDEX and ALTER TABLE. */
static const char *const alter_functions[] = {"printf", "format", "glob", "raise", "substr"};

static bool listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}
#define LISTED(list, name) listed(list, sizeof(list) / sizeof((list)[0]), name)

/* `format` takes the name of what is refused, then the plugin's. */
static int deny(struct sqlite_guard *g, const char *rule, const char *format, const char *what)
{
    if (!g->denied[0]) {
        char name[100];
        size_t len = utf8_cut(slice_of(what), sizeof(name) - 1);
        memcpy(name, what, len);
        name[len] = '\0';
        g->rule = rule;
        sqlite3_snprintf(sizeof(g->denied), g->denied, format, name, g->plugin);
    }
    return SQLITE_DENY;
}

static bool is_schema(const char *table)
{
    static const char *const names[] = {"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"};
    return LISTED(names, table);
}

static int ask_function(struct sqlite_guard *g, const char *name)
{
    if (LISTED(functions, name) || (g->alter && (LISTED(alter_functions, name) || strncmp(name, "sqlite_", 7) == 0))) {
        return SQLITE_OK;
    }
    return deny(g, "sql.function", "the function %s is not in the portable subset: do it in the command", name);
}

static int ask_read(struct sqlite_guard *g, const char *table, const char *column, const char *database)
{
    if (g->ddl && (is_schema(table) || strncasecmp(table, "pragma_", 7) == 0)) {
        return SQLITE_OK;
    }
    if (database && strcmp(database, "main") != 0) {
        return deny(g, "sql.table", "%s is not in the main database", table);
    }
    if (guard_may_write(g->plugin, table)) {
        return strcasecmp(column, "ROWID") == 0
                   ? deny(g, "sql.rowid", "the rowid of %s is SQLite's own: name a column", table)
                   : SQLITE_OK;
    }
    if (guard_may_read(g->plugin, table)) {
        return !*column || strcmp(column, "code") == 0 || strcmp(column, "path") == 0 || strcmp(column, "parent") == 0
                   ? SQLITE_OK
                   : deny(g, "sql.table", "of %s a plugin reads code, path and parent only", table);
    }
    if (!*column && strncasecmp(table, "sqlite_", 7) != 0 && strlen(table) < sizeof(g->with[0]) &&
        g->with_count < SQLITE_MAX_WITH) {
        strcpy(g->with[g->with_count++], table);
        return SQLITE_OK;
    }
    return deny(g, "sql.table", "the table %s is not of the plugin %s: call the commands of its owner instead", table);
}

static int ask_write(struct sqlite_guard *g, const char *table)
{
    if (guard_may_write(g->plugin, table) || (g->ddl && is_schema(table))) {
        return SQLITE_OK;
    }
    return deny(g, "sql.table", "the table %s is not of the plugin %s: call the commands of its owner instead", table);
}

static bool plain_name(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static int ask_ddl(struct sqlite_guard *g, const char *name, const char *table)
{
    if (g->use != GUARD_MIGRATION) {
        return deny(g, "sql.ddl", "%s: tables change in migrations only", name);
    }
    /* The index behind a UNIQUE or PRIMARY KEY is named by SQLite. */
    bool automatic = strncmp(name, "sqlite_autoindex_", 17) == 0;
    if ((!automatic && !guard_may_write(g->plugin, name)) || !guard_may_write(g->plugin, table) || !plain_name(name)) {
        return deny(g, "sql.name", "the name %s must begin with the plugin's own %s_ and hold a-z, 0-9 and _ only",
                    guard_may_write(g->plugin, table) ? name : table);
    }
    return SQLITE_OK;
}

static int authorize(void *arg, int action, const char *a, const char *b, const char *database, const char *trigger)
{
    struct sqlite_guard *g = arg;
    (void)trigger;
    if (!g->plugin) {
        return SQLITE_OK;
    }
    a = a ? a : "";
    b = b ? b : "";
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        return ask_read(g, a, b, database);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return ask_write(g, a);
    case SQLITE_FUNCTION:
        return ask_function(g, b);
    case SQLITE_CREATE_TABLE:
    case SQLITE_DROP_TABLE:
        return ask_ddl(g, a, a);
    case SQLITE_ALTER_TABLE:
        return ask_ddl(g, b, b);
    case SQLITE_CREATE_INDEX:
    case SQLITE_DROP_INDEX:
        return ask_ddl(g, a, b);
    case SQLITE_REINDEX: /* how CREATE INDEX fills the new one */
        return g->ddl ? SQLITE_OK : deny(g, "sql.reindex", "REINDEX is the host's business (%s)", a);
    case SQLITE_PRAGMA: /* how ALTER TABLE checks the rows that are there */
        return g->alter && strcmp(a, "quick_check") == 0 ? SQLITE_OK
                                                         : deny(g, "sql.pragma", "PRAGMA %s is the host's business", a);
    default:
        return deny(g, "sql.guard", "a plugin's statement is SELECT, INSERT, UPDATE or DELETE%s", "");
    }
}

void sqlite_guard_install(struct sqlite *q)
{
    sqlite3_set_authorizer(q->db, authorize, &q->guard);
}

/* Does the database hold a table or index of this name? 1, 0 or an error. */
static int exists(struct sqlite *q, const char *name, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE lower(name) = lower(?) LIMIT 1";
    sqlite3_stmt *stmt = NULL;
    const char *plugin = q->guard.plugin;
    q->guard.plugin = NULL;
    int rc = sqlite3_prepare_v2(q->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    int rv = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : sqlite_error(q, rc, SLICE(""), err);
    sqlite3_finalize(stmt);
    q->guard.plugin = plugin;
    return rv;
}

int sqlite_guard_settle(struct sqlite *q, struct err *err)
{
    for (int i = 0; i < q->guard.with_count; i++) {
        int rv = exists(q, q->guard.with[i], err);
        if (rv != 0) {
            return rv < 0 ? rv
                          : err_rule(err, ERR_POLICY, "sql.table", NULL,
                                     "the table %s is not of the plugin %s: call the commands of its owner instead",
                                     q->guard.with[i], q->guard.plugin);
        }
    }
    return 0;
}
