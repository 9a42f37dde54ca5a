#include "access/users.h"

#include "access/password.h"
#include "base/utf8.h"

#include <string.h>

/* Users are never deleted: audit rows and idempotency keys name them for good. One who leaves is disabled. The server
 * must not lose its last administrator, whatever anybody types. */

int methods_parse(struct slice text, int *methods, struct err *err)
{
    static const struct {
        const char *name;
        int bit;
    } known[] = {{"cert", METHOD_CERT}, {"password", METHOD_PASSWORD}, {"token", METHOD_TOKEN}};
    *methods = 0;
    size_t at = 0;
    while (at <= text.len && text.len > 0) {
        size_t end = at;
        while (end < text.len && text.data[end] != ',')
            end++;
        struct slice word = {text.data + at, end - at};
        int bit = 0;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            bit |= slice_is(word, known[i].name) ? known[i].bit : 0;
        if (!bit)
            return err_rule(err, ERR_ARG, "user.methods", "methods",
                            "methods are words out of cert, password, token, with commas between them");
        *methods |= bit;
        at = end + 1;
    }
    return 0;
}

static const char *methods_text(int methods)
{
    static const char *const texts[] = {"",      "cert",       "password",       "cert,password",
                                        "token", "cert,token", "password,token", "cert,password,token"};
    return texts[methods & 7];
}

static int check_name(struct slice name, struct err *err)
{
    bool good = name.len > 0 && name.len <= 64 && utf8_valid(name) && name.data[0] != '-';
    for (size_t i = 0; good && i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        good = c > ' ' && c != 0x7F && !strchr("\"'`/\\,=*:", c);
    }
    if (good && slice_is(name, "muster"))
        return err_rule(err, ERR_ARG, "user.name", "name", "the name muster is the host's own; choose another");
    if (good)
        return 0;
    return err_rule(err, ERR_ARG, "user.name", "name",
                    "a user's name has 1 to 64 bytes, without blanks, quotes and any of / \\ , = * :");
}

static int check_lang(struct slice lang, struct err *err)
{
    if (lang.len == 0 || slice_is(lang, "zh-CN") || slice_is(lang, "en"))
        return 0;
    return err_rule(err, ERR_ARG, "user.lang", "lang", "the languages are zh-CN and en");
}

int user_find(struct store *s, struct slice name, struct user *out, struct err *err)
{
    struct value arg = value_text(name);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL, SLICE("SELECT id, admin, disabled, methods FROM muster_user WHERE name = ?"), &arg, 1,
                         &c, err);
    if (rv)
        return rv;
    rv = cursor_step(c, err);
    if (rv == 1) {
        struct value id, admin, disabled, methods;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &admin);
        cursor_value(c, 2, &disabled);
        cursor_value(c, 3, &methods);
        *out = (struct user){.id = id.i, .admin = admin.i != 0, .disabled = disabled.i != 0};
        rv = methods_parse(methods.s, &out->methods, err);
    } else if (rv == 0) {
        rv = err_rule(err, ERR_NOTFOUND, "user.unknown", "name", "there is no user %.*s",
                      (int)(name.len > 64 ? 64 : name.len), name.data ? name.data : "");
    }
    cursor_close(c);
    return rv;
}

static struct value text_or_null(struct slice s)
{
    return s.len ? value_text(s) : value_null();
}

int user_add(struct store *s, struct slice name, const struct user_fields *fields, bool admin, int64_t now_ms,
             int64_t *id, struct err *err)
{
    int methods = METHOD_CERT | METHOD_PASSWORD | METHOD_TOKEN;
    int rv = check_name(name, err);
    if (rv == 0)
        rv = check_lang(fields->lang, err);
    if (rv == 0 && fields->methods.len)
        rv = methods_parse(fields->methods, &methods, err);
    struct user other;
    if (rv == 0 && user_find(s, name, &other, NULL) == 0)
        rv = err_rule(err, ERR_CONFLICT, "user.exists", "name", "there is a user %.*s already", (int)name.len,
                      name.data);
    if (rv)
        return rv;
    struct value args[] = {
        value_text(name),
        text_or_null(fields->person),
        fields->lang.len ? value_text(fields->lang) : value_cstr("zh-CN"),
        value_cstr(methods_text(methods)),
        value_int(admin),
        value_int(now_ms),
    };
    rv =
        store_run(s, "INSERT INTO muster_user(name, person, lang, methods, admin, created_at) VALUES(?, ?, ?, ?, ?, ?)",
                  args, 6, err);
    if (rv)
        return rv;
    rv = user_find(s, name, &other, err);
    *id = rv ? 0 : other.id;
    return rv;
}

int user_change(struct store *s, const struct user *user, const struct user_fields *fields, struct err *err)
{
    int methods = user->methods;
    int rv = check_lang(fields->lang, err);
    if (rv == 0 && fields->methods.len)
        rv = methods_parse(fields->methods, &methods, err);
    if (rv)
        return rv;
    struct value args[] = {text_or_null(fields->person), text_or_null(fields->lang), value_cstr(methods_text(methods)),
                           value_int(user->id)};
    rv = store_run(s,
                   "UPDATE muster_user SET person = coalesce(?, person), lang = coalesce(?, lang), methods = ?"
                   " WHERE id = ?",
                   args, 4, err);
    return rv ? rv : user_keep_admin(s, user, err);
}

/* After a change: the command that made it fails with this, and so the change goes. */
int user_keep_admin(struct store *s, const struct user *user, struct err *err)
{
    if (!user->admin || user->disabled)
        return 0;
    struct value found;
    struct buf keep = {0};
    int rv =
        store_value(s, NULL,
                    SLICE("SELECT 1 FROM muster_user u WHERE admin = 1 AND disabled = 0 AND ("
                          "methods LIKE '%password%' AND password_hash IS NOT NULL"
                          " OR methods LIKE '%cert%' AND EXISTS"
                          " (SELECT 1 FROM muster_cert k WHERE k.user_id = u.id AND k.revoked_at IS NULL)"
                          " OR methods LIKE '%token%' AND EXISTS"
                          " (SELECT 1 FROM muster_token t WHERE t.user_id = u.id AND t.revoked_at IS NULL)) LIMIT 1"),
                    NULL, 0, &found, &keep, err);
    buf_close(&keep);
    if (rv == 0)
        return err_rule(err, ERR_POLICY, "access.last_admin", NULL,
                        "no administrator who can sign in would be left; make another one first (role.grant "
                        "role=administrator)");
    return rv < 0 ? rv : 0;
}

int user_disable(struct store *s, const struct user *user, bool disabled, struct err *err)
{
    struct value args[] = {value_int(disabled), value_int(user->id)};
    int rv = store_run(s, "UPDATE muster_user SET disabled = ? WHERE id = ?", args, 2, err);
    return rv ? rv : user_keep_admin(s, user, err);
}

int user_set_admin(struct store *s, const struct user *user, bool admin, struct err *err)
{
    struct value args[] = {value_int(admin), value_int(user->id)};
    int rv = store_run(s, "UPDATE muster_user SET admin = ? WHERE id = ?", args, 2, err);
    return rv ? rv : user_keep_admin(s, user, err);
}

int user_password(struct store *s, const struct user *user, struct slice password, struct err *err)
{
    if (!(user->methods & METHOD_PASSWORD))
        return err_rule(err, ERR_STATE, "user.method", "name",
                        "this user may not sign in with a password; user.set methods= allows it");
    size_t count = utf8_valid(password) ? utf8_count(password) : 0;
    if (count < PASSWORD_MIN || count > PASSWORD_MAX || password.len > 4 * PASSWORD_MAX)
        return err_rule(err, ERR_ARG, "user.password", "password", "a password has %d to %d characters", PASSWORD_MIN,
                        PASSWORD_MAX);
    char hash[PASSWORD_HASH_BYTES];
    int rv = password_hash(password, hash, err);
    if (rv)
        return rv;
    struct value args[] = {value_cstr(hash), value_int(user->id)};
    return store_run(s, "UPDATE muster_user SET password_hash = ? WHERE id = ?", args, 2, err);
}

/* -- the list -- */

static void write_text(struct reply *reply, struct cursor *c, int column, const char *key)
{
    struct value v;
    cursor_value(c, column, &v);
    reply_key(reply, key);
    reply_value(reply, &v);
}

static void write_flag(struct reply *reply, struct cursor *c, int column, const char *key)
{
    struct value v;
    cursor_value(c, column, &v);
    reply_key_bool(reply, key, v.i != 0);
}

int user_list(struct store *s, struct slice after, int limit, struct reply *reply, struct err *err)
{
    struct value args[] = {value_text(after), value_int(limit)};
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT u.name, u.person, u.lang, u.methods, u.admin, u.disabled,"
                               " u.password_hash IS NOT NULL,"
                               " (SELECT count(*) FROM muster_token t WHERE t.user_id = u.id AND t.revoked_at IS NULL),"
                               " (SELECT count(*) FROM muster_cert k WHERE k.user_id = u.id AND k.revoked_at IS NULL)"
                               " FROM muster_user u WHERE u.name > ? ORDER BY u.name LIMIT ?"),
                         args, 2, &c, err);
    if (rv)
        return rv;
    reply_array_open(reply);
    while ((rv = cursor_step(c, err)) == 1) {
        reply_map_open(reply);
        write_text(reply, c, 0, "name");
        write_text(reply, c, 1, "person");
        write_text(reply, c, 2, "lang");
        write_text(reply, c, 3, "methods");
        write_flag(reply, c, 4, "admin");
        write_flag(reply, c, 5, "disabled");
        write_flag(reply, c, 6, "password");
        write_text(reply, c, 7, "tokens");
        write_text(reply, c, 8, "certs");
        reply_close(reply);
    }
    reply_close(reply);
    cursor_close(c);
    return rv;
}
