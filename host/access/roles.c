#include "access/roles.h"

#include "access/decide.h"
#include "access/unit.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A role's patterns are one text, words separated by a blank: they are always read together. A grant is never
 * deleted but gets an end, so that "who could do what last March" has an answer. */

enum { GRANTS_MAX = 100, ROLE_NAME_MAX = 64 };

static int check_name(struct slice name, struct err *err)
{
    bool good = name.len > 0 && name.len <= ROLE_NAME_MAX && utf8_valid(name);
    for (size_t i = 0; good && i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        good = c > ' ' && c != 0x7F && c != ',' && c != '/';
    }
    if (good && slice_is(name, ROLE_ADMINISTRATOR))
        return err_rule(err, ERR_ARG, "role.name", "name", "the role administrator is built in and allows everything");
    if (good)
        return 0;
    return err_rule(err, ERR_ARG, "role.name", "name",
                    "a role's name has 1 to %d bytes, without blanks, commas and slashes", ROLE_NAME_MAX);
}

int role_define(struct store *s, struct slice name, const struct slice *grants, int ngrants, int64_t now_ms,
                struct err *err)
{
    int rv = check_name(name, err);
    if (rv == 0 && ngrants > GRANTS_MAX)
        rv = err_rule(err, ERR_LIMIT, "role.grants", "grants", "a role has at most %d grants", GRANTS_MAX);
    struct buf text = {0};
    for (int i = 0; rv == 0 && i < ngrants; i++) {
        rv = pattern_check(grants[i], err);
        if (rv == 0 && text.len)
            buf_byte(&text, ' ');
        if (rv == 0)
            buf_slice(&text, grants[i]);
    }
    if (rv == 0) {
        struct slice words = text.len ? buf_view(&text) : SLICE("");
        struct value args[] = {value_text(name), value_text(words), value_int(now_ms)};
        rv = store_run(s,
                       "INSERT INTO muster_role(name, grants, changed_at) VALUES(?, ?, ?) ON CONFLICT(name) DO UPDATE"
                       " SET grants = excluded.grants, changed_at = excluded.changed_at",
                       args, 3, err);
    }
    buf_close(&text);
    return rv;
}

static int find_role(struct store *s, struct slice name, int64_t *id, struct err *err)
{
    struct value arg = value_text(name), found;
    struct buf keep = {0};
    int rv = store_value(s, NULL, SLICE("SELECT id FROM muster_role WHERE name = ?"), &arg, 1, &found, &keep, err);
    buf_close(&keep);
    *id = found.i;
    return rv;
}

static int unknown_role(struct slice name, struct err *err)
{
    return err_rule(err, ERR_NOTFOUND, "role.unknown", "role", "there is no role %.*s; role.list shows them",
                    (int)(name.len > ROLE_NAME_MAX ? ROLE_NAME_MAX : name.len), name.data ? name.data : "");
}

static int adopt(struct store *s, const struct role_suggestion *suggested, int64_t now_ms, int64_t *id, struct err *err)
{
    struct slice grants[GRANTS_MAX];
    int n = 0;
    while (n < GRANTS_MAX && suggested->grants[n]) {
        grants[n] = slice_of(suggested->grants[n]);
        n++;
    }
    struct slice name = slice_of(suggested->name);
    int rv = role_define(s, name, grants, n, now_ms, err);
    if (rv == 0)
        rv = find_role(s, name, id, err);
    return rv;
}

static int check_unit(struct store *s, struct slice unit, struct err *err)
{
    struct buf path = {0};
    int rv = unit.len ? unit_path(s, unit, &path, err) : 1;
    buf_close(&path);
    if (rv == 0)
        return err_rule(err, ERR_NOTFOUND, "unit.unknown", "unit", "there is no unit %.*s",
                        (int)(unit.len > UNIT_CODE_MAX ? UNIT_CODE_MAX : unit.len), unit.data);
    return rv < 0 ? rv : 0;
}

static int grant_admin(struct store *s, const struct user *user, struct slice unit, bool admin, struct err *err)
{
    if (unit.len)
        return err_rule(err, ERR_ARG, "role.administrator", "unit",
                        "the role administrator is for everything; leave out the unit");
    if (user->admin == admin)
        return err_rule(err, admin ? ERR_CONFLICT : ERR_NOTFOUND, admin ? "role.granted" : "role.not_granted", "role",
                        admin ? "the user is an administrator already" : "the user is no administrator");
    return user_set_admin(s, user, admin, err);
}

int role_grant(struct store *s, const struct user *user, struct slice role, struct slice unit,
               const struct role_suggestion *suggested, int64_t now_ms, struct err *err)
{
    if (slice_is(role, ROLE_ADMINISTRATOR))
        return grant_admin(s, user, unit, true, err);
    int64_t id = 0;
    int rv = find_role(s, role, &id, err);
    if (rv == 0)
        rv = suggested ? adopt(s, suggested, now_ms, &id, err) : unknown_role(role, err);
    if (rv >= 0)
        rv = check_unit(s, unit, err);
    if (rv)
        return rv;
    struct value on = unit.len ? value_text(unit) : value_null();
    struct value key[] = {value_int(user->id), value_int(id), on}, found;
    struct buf keep = {0};
    rv = store_value(s, NULL,
                     SLICE("SELECT 1 FROM muster_grant WHERE user_id = ? AND role_id = ?"
                           " AND unit IS NOT DISTINCT FROM ? AND revoked_at IS NULL"),
                     key, 3, &found, &keep, err);
    buf_close(&keep);
    if (rv == 1)
        rv = err_rule(err, ERR_CONFLICT, "role.granted", "role", "the user holds this role there already");
    if (rv)
        return rv;
    struct value args[] = {value_int(user->id), value_int(id), on, value_int(now_ms)};
    return store_run(s, "INSERT INTO muster_grant(user_id, role_id, unit, granted_at) VALUES(?, ?, ?, ?)", args, 4,
                     err);
}

int role_revoke(struct store *s, const struct user *user, struct slice role, struct slice unit, int64_t now_ms,
                struct err *err)
{
    if (slice_is(role, ROLE_ADMINISTRATOR))
        return grant_admin(s, user, unit, false, err);
    int64_t id = 0, changes = 0;
    int rv = find_role(s, role, &id, err);
    if (rv == 0)
        return unknown_role(role, err);
    if (rv < 0)
        return rv;
    struct value args[] = {value_int(now_ms), value_int(user->id), value_int(id),
                           unit.len ? value_text(unit) : value_null()};
    rv = store_exec(s, NULL,
                    SLICE("UPDATE muster_grant SET revoked_at = ? WHERE user_id = ? AND role_id = ?"
                          " AND unit IS NOT DISTINCT FROM ? AND revoked_at IS NULL"),
                    args, 4, &changes, err);
    if (rv == 0 && changes == 0)
        rv = err_rule(err, ERR_NOTFOUND, "role.not_granted", "role",
                      "the user does not hold this role there; user.list and acl.why show what it holds");
    return rv;
}

/* -- lists -- */

static void write_grants(struct reply *reply, struct slice words)
{
    reply_key(reply, "grants");
    reply_array_open(reply);
    for (size_t at = 0; at < words.len;) {
        size_t end = at;
        while (end < words.len && words.data[end] != ' ')
            end++;
        reply_text(reply, (struct slice){words.data + at, end - at});
        at = end + 1;
    }
    reply_close(reply);
}

static const struct role_suggestion *suggestion(const struct role_suggestion *const *list, int count, struct slice name)
{
    for (int i = 0; i < count; i++) {
        if (slice_is(name, list[i]->name))
            return list[i];
    }
    return NULL;
}

static int write_defined(struct store *s, const struct role_suggestion *const *suggested, bool *used, int nsuggested,
                         struct reply *reply, struct err *err)
{
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT r.name, r.grants, (SELECT count(DISTINCT g.user_id) FROM muster_grant g"
                               " WHERE g.role_id = r.id AND g.revoked_at IS NULL) FROM muster_role r ORDER BY r.name"),
                         NULL, 0, &c, err);
    if (rv)
        return rv;
    while ((rv = cursor_step(c, err)) == 1) {
        struct value name, grants, users;
        cursor_value(c, 0, &name);
        cursor_value(c, 1, &grants);
        cursor_value(c, 2, &users);
        const struct role_suggestion *from = suggestion(suggested, nsuggested, name.s);
        for (int i = 0; from && i < nsuggested; i++)
            used[i] |= suggested[i] == from;
        reply_map_open(reply);
        reply_key(reply, "name");
        reply_text(reply, name.s);
        write_grants(reply, grants.s);
        reply_key_cstr(reply, "plugin", from ? from->plugin : NULL);
        reply_key_int(reply, "users", users.i);
        reply_close(reply);
    }
    cursor_close(c);
    return rv;
}

static void write_suggestion(const struct role_suggestion *from, struct reply *reply)
{
    reply_map_open(reply);
    reply_key_cstr(reply, "name", from->name);
    reply_key(reply, "grants");
    reply_array_open(reply);
    for (int i = 0; from->grants[i]; i++)
        reply_cstr(reply, from->grants[i]);
    reply_close(reply);
    reply_key_cstr(reply, "plugin", from->plugin);
    reply_key_int(reply, "users", 0);
    reply_close(reply);
}

int role_list(struct store *s, const struct role_suggestion *const *suggested, int nsuggested, struct reply *reply,
              struct err *err)
{
    bool *used = mem_zalloc((size_t)nsuggested * sizeof(*used));
    reply_array_open(reply);
    int rv = write_defined(s, suggested, used, nsuggested, reply, err);
    for (int i = 0; rv == 0 && i < nsuggested; i++) {
        if (!used[i])
            write_suggestion(suggested[i], reply);
    }
    reply_close(reply);
    free(used);
    return rv;
}

static bool any_matches(struct slice words, const char *command, bool write)
{
    char pattern[128];
    for (size_t at = 0; at < words.len;) {
        size_t end = at;
        while (end < words.len && words.data[end] != ' ')
            end++;
        size_t len = end - at;
        if (len < sizeof(pattern)) {
            memcpy(pattern, words.data + at, len);
            pattern[len] = '\0';
            if (pattern_matches(pattern, command, write))
                return true;
        }
        at = end + 1;
    }
    return false;
}

int role_find_allowing(struct store *s, const char *command, bool write, void (*each)(void *arg, struct slice role),
                       void *arg, struct err *err)
{
    struct cursor *c = NULL;
    int rv = store_query(s, NULL, SLICE("SELECT name, grants FROM muster_role ORDER BY name"), NULL, 0, &c, err);
    if (rv)
        return rv;
    while ((rv = cursor_step(c, err)) == 1) {
        struct value name, grants;
        cursor_value(c, 0, &name);
        cursor_value(c, 1, &grants);
        if (any_matches(grants.s, command, write))
            each(arg, name.s);
    }
    cursor_close(c);
    return rv;
}
