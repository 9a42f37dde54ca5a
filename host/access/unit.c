#include "access/unit.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Paths are kept whole, so that a scope is a range of one index and nobody walks a tree while deciding. The price is
 * paid here: moving a unit rewrites the paths below it, in one statement. */

int unit_path(struct store *s, struct slice code, struct buf *path, struct err *err)
{
    struct value arg = value_text(code), found;
    return store_value(s, NULL, SLICE("SELECT path FROM muster_unit WHERE code = ?"), &arg, 1, &found, path, err);
}

static int check_code(struct slice code, struct err *err)
{
    bool good = code.len > 0 && code.len <= UNIT_CODE_MAX && utf8_valid(code);
    for (size_t i = 0; good && i < code.len; i++) {
        unsigned char c = (unsigned char)code.data[i];
        good = c > ' ' && c != '/' && c != ',' && c != 0x7F;
    }
    if (good)
        return 0;
    return err_rule(err, ERR_ARG, "unit.code", "unit",
                    "a unit's code has 1 to %d bytes, without blanks, commas and slashes", UNIT_CODE_MAX);
}

/* Make the new path from the parent's. */
static int make_path(struct store *s, struct slice code, struct slice parent, struct buf *path, struct err *err)
{
    if (parent.len == 0) {
        buf_byte(path, '/');
    } else {
        int rv = unit_path(s, parent, path, err);
        if (rv < 0)
            return rv;
        if (rv == 0)
            return err_rule(err, ERR_NOTFOUND, "unit.unknown", "parent", "there is no unit %.*s to be the parent",
                            (int)(parent.len > 100 ? 100 : parent.len), parent.data);
    }
    buf_slice(path, code);
    buf_byte(path, '/');
    return 0;
}

static int check_depth(struct slice path, size_t deeper, struct err *err)
{
    int depth = -1;
    for (size_t i = 0; i < path.len; i++)
        depth += path.data[i] == '/';
    if (path.len + deeper <= UNIT_PATH_MAX && depth <= UNIT_DEPTH_MAX)
        return 0;
    return err_rule(err, ERR_LIMIT, "unit.depth", "unit", "units nest at most %d deep, with paths of at most %d bytes",
                    UNIT_DEPTH_MAX, UNIT_PATH_MAX);
}

/* How many bytes the longest path of the subtree has more than its root's. */
static int longest_below(struct store *s, struct slice from, struct slice to, int64_t *out, struct err *err)
{
    struct value args[] = {value_text(from), value_text(to)}, found;
    struct buf keep = {0};
    int rv = store_value(s, NULL,
                         SLICE("SELECT max(length(CAST(path AS BLOB))) FROM muster_unit WHERE path >= ? AND path < ?"),
                         args, 2, &found, &keep, err);
    buf_close(&keep);
    if (rv < 0)
        return rv;
    *out = found.type == VALUE_INT ? found.i - (int64_t)from.len : 0;
    return 0;
}

static int move(struct store *s, struct slice code, struct slice parent, struct slice old, struct slice new,
                struct err *err)
{
    if (new.len >= old.len && memcmp(new.data, old.data, old.len) == 0)
        return err_rule(err, ERR_STATE, "unit.cycle", "parent", "unit %.*s cannot be moved below itself", (int)code.len,
                        code.data);
    /* The end of the range: the last '/' becomes the next byte. */
    char *end = mem_dup_slice(old);
    end[old.len - 1] = '0';
    struct slice to = {end, old.len};
    int64_t deeper = 0;
    int rv = longest_below(s, old, to, &deeper, err);
    if (rv == 0)
        rv = check_depth(new, (size_t)deeper, err);
    if (rv == 0) {
        struct value args[] = {value_text(new), value_int((int64_t)utf8_count(old) + 1), value_text(old),
                               value_text(to)};
        rv = store_run(s, "UPDATE muster_unit SET path = ? || substr(path, ?) WHERE path >= ? AND path < ?", args, 4,
                       err);
    }
    if (rv == 0) {
        struct value args[] = {parent.len ? value_text(parent) : value_null(), value_text(code)};
        rv = store_run(s, "UPDATE muster_unit SET parent = ? WHERE code = ?", args, 2, err);
    }
    free(end);
    return rv;
}

static int add(struct store *s, struct slice code, struct slice parent, struct slice path, struct err *err)
{
    int rv = check_depth(path, 0, err);
    if (rv)
        return rv;
    struct value args[] = {value_text(code), value_text(path), parent.len ? value_text(parent) : value_null()};
    return store_run(s, "INSERT INTO muster_unit(code, path, parent) VALUES(?, ?, ?)", args, 3, err);
}

int unit_set(struct store *s, struct slice code, struct slice parent, bool *moved, struct err *err)
{
    struct buf old = {0}, new = {0};
    *moved = false;
    int rv = check_code(code, err);
    if (rv == 0)
        rv = make_path(s, code, parent, &new, err);
    if (rv == 0)
        rv = unit_path(s, code, &old, err);
    if (rv == 0) {
        rv = add(s, code, parent, buf_view(&new), err);
    } else if (rv == 1) {
        rv = 0;
        if (!slice_eq(buf_view(&old), buf_view(&new))) {
            rv = move(s, code, parent, buf_view(&old), buf_view(&new), err);
            *moved = rv == 0;
        }
    }
    buf_close(&old);
    buf_close(&new);
    return rv;
}
