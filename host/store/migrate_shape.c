/* What a plugin's tables look like, as lines that can be compared. */
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>

#include "store/store.h"

/* The text of CREATE statements is no measure: ALTER TABLE rewrites it, and leaves blanks and quotes. So it is told column by
 * column what SQLite makes of it: columns without their order, indexes and UNIQUEs, references. CHECKs are not seen. */

static const struct slice shape = SLICE(
    "WITH own(name) AS (SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, length(?)) = ?)"
    " SELECT 'table ' || name FROM own"
    " UNION ALL SELECT own.name || '.' || c.name || ' ' || upper(c.type) || iif(c.\"notnull\", ' NOT NULL', '')"
    " || coalesce(' DEFAULT ' || c.dflt_value, '') || iif(c.pk, ' PRIMARY KEY ' || c.pk, '')"
    " FROM own, pragma_table_xinfo(own.name) c"
    " UNION ALL SELECT own.name || iif(i.\"unique\", ' UNIQUE', ' INDEX') || iif(i.origin = 'c', ' ' || i.name, '')"
    " || iif(i.partial, ' partial', '') || ' (' || (SELECT group_concat(coalesce(x.name, '…'), ', ')"
    " FROM pragma_index_info(i.name) x) || ')' FROM own, pragma_index_list(own.name) i"
    " UNION ALL SELECT own.name || '.' || f.\"from\" || ' REFERENCES ' || f.\"table\" || '('"
    " || coalesce(f.\"to\", '') || ') ' || f.on_update || ', ' || f.on_delete"
    " FROM own, pragma_foreign_key_list(own.name) f ORDER BY 1");

int migrate_shape(struct store *s, const char *owner, struct buf *lines, struct err *err)
{
    char prefix[80];
    struct cursor *c = NULL;
    snprintf(prefix, sizeof(prefix), "%s_", owner);
    const struct value args[] = {value_cstr(prefix), value_cstr(prefix)};
    int rv = store_query(s, NULL, shape, args, 2, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct value line;
        cursor_value(c, 0, &line);
        buf_slice(lines, line.s);
        buf_byte(lines, '\n');
        rv = 0;
    }
    cursor_close(c);
    return rv;
}

/* The next line of `rest`, without its end; false after the last. */
static bool next_line(struct slice *rest, struct slice *line)
{
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end)
        return false;
    *line = (struct slice){rest->data, (size_t)(end - rest->data)};
    rest->data += line->len + 1;
    rest->len -= line->len + 1;
    return true;
}

struct slice migrate_shape_lacks(struct slice lines, struct slice other)
{
    struct slice line;
    while (next_line(&lines, &line)) {
        struct slice rest = other, theirs;
        bool found = false;
        while (!found && next_line(&rest, &theirs))
            found = slice_eq(line, theirs);
        if (!found)
            return line;
    }
    return (struct slice){"", 0};
}
