#include "access/identity.h"

#include "access/users.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* An identity is read once at sign-in and kept by its connection. Whatever changes users, roles, grants or units makes
 * the version grow after its commit; a lane that finds another version in an identity reads it again on its own
 * connection before it decides anything. So a revoked right ends with the next request, without a query per request.
 *
 * The version must be older than the snapshot that is read: if a change commits in between, the identity is only read
 * once more than needed. Taken here it is right where the snapshot begins with this reading; lanes put in its place the
 * version they took before their transaction began. */

struct counted {
    atomic_int refs;
    struct identity id;
};

static _Atomic uint64_t version = 1;

uint64_t access_version(void)
{
    return atomic_load(&version);
}

void access_changed(void)
{
    atomic_fetch_add(&version, 1);
}

static struct counted *counted_of(struct identity *id)
{
    return (struct counted *)(void *)((char *)id - offsetof(struct counted, id));
}

struct identity *identity_ref(struct identity *id)
{
    atomic_fetch_add_explicit(&counted_of(id)->refs, 1, memory_order_relaxed);
    return id;
}

void identity_unref(struct identity *id)
{
    if (!id || atomic_fetch_sub_explicit(&counted_of(id)->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < id->ngrants; i++) {
        free(id->grants[i].role);
        free(id->grants[i].pattern);
        free(id->grants[i].unit);
        free(id->grants[i].path);
    }
    free(id->grants);
    free(id->name);
    free(id->person);
    free(id->lang);
    free(counted_of(id));
}

static char *text_of(struct cursor *c, int column)
{
    struct value v;
    cursor_value(c, column, &v);
    return v.type == VALUE_TEXT ? mem_dup_slice(v.s) : NULL;
}

static int64_t int_of(struct cursor *c, int column)
{
    struct value v;
    cursor_value(c, column, &v);
    return v.type == VALUE_INT ? v.i : 0;
}

/* The method that was used to sign in, as far as the identity knows; 0: a password, or none. */
static int method_of(const struct identity *id)
{
    return id->fingerprint[0] ? METHOD_CERT : id->token_id ? METHOD_TOKEN : 0;
}

static int check_user(const struct identity *id, bool disabled, struct value methods, struct err *err)
{
    int allowed = 0;
    if (disabled)
        return err_rule(err, ERR_NOAUTH, "user.disabled", NULL, "user %s is disabled; ask an administrator", id->name);
    int rv = methods_parse(methods.s, &allowed, err);
    if (rv == 0 && (method_of(id) & ~allowed))
        rv = err_rule(err, ERR_NOAUTH, "user.method", NULL, "%s may not sign in like this any more; use another method",
                      id->name);
    return rv;
}

static int read_user(struct store *s, struct identity *id, struct err *err)
{
    struct value arg = value_int(id->user_id);
    struct cursor *c = NULL;
    int rv =
        store_query(s, NULL, SLICE("SELECT name, person, lang, admin, disabled, methods FROM muster_user WHERE id = ?"),
                    &arg, 1, &c, err);
    if (rv)
        return rv;
    rv = cursor_step(c, err);
    if (rv == 0) {
        rv = err_rule(err, ERR_NOTFOUND, "user.unknown", NULL, "the user no longer exists");
    } else if (rv == 1) {
        id->name = text_of(c, 0);
        id->person = text_of(c, 1);
        id->lang = text_of(c, 2);
        id->admin = int_of(c, 3) != 0;
        struct value methods;
        cursor_value(c, 5, &methods);
        rv = check_user(id, int_of(c, 4) != 0, methods, err);
    }
    cursor_close(c);
    return rv;
}

/* Is what the user signed in with still good? */
static int check_means(struct store *s, const struct identity *id, struct err *err)
{
    struct value found;
    struct buf keep = {0};
    int rv = 1;
    if (id->fingerprint[0]) {
        struct value args[] = {value_cstr(id->fingerprint), value_int(id->user_id)};
        rv = store_value(
            s, NULL, SLICE("SELECT 1 FROM muster_cert WHERE fingerprint = ? AND user_id = ? AND revoked_at IS NULL"),
            args, 2, &found, &keep, err);
        if (rv == 0)
            rv = err_rule(err, ERR_NOAUTH, "user.cert_revoked", NULL,
                          "the certificate of %s was revoked; sign in with another", id->name);
    }
    if (rv == 1 && id->token_id) {
        struct value args[] = {value_int(id->token_id), value_int(id->user_id)};
        rv = store_value(s, NULL,
                         SLICE("SELECT 1 FROM muster_token WHERE id = ? AND user_id = ? AND revoked_at IS NULL"), args,
                         2, &found, &keep, err);
        if (rv == 0)
            rv = err_rule(err, ERR_NOAUTH, "user.token_revoked", NULL,
                          "the token of %s was revoked; sign in with another", id->name);
    }
    buf_close(&keep);
    return rv == 1 ? 0 : rv;
}

static void add_grant(struct identity *id, struct cursor *c, struct slice pattern)
{
    if ((id->ngrants & (id->ngrants - 1)) == 0) /* room doubles at the powers of two */
        id->grants = mem_realloc(id->grants, sizeof(*id->grants) * (size_t)(id->ngrants ? id->ngrants * 2 : 1));
    char *path = text_of(c, 3);
    id->grants[id->ngrants++] = (struct grant){
        .role = text_of(c, 0),
        .pattern = mem_dup_slice(pattern),
        .unit = text_of(c, 2),
        .path = path ? path : mem_dup("/"),
    };
}

/* Patterns are kept as words separated by one blank. */
static void add_grants(struct identity *id, struct cursor *c)
{
    struct value patterns, unit, path;
    cursor_value(c, 1, &patterns);
    cursor_value(c, 2, &unit);
    cursor_value(c, 3, &path);
    if (unit.type == VALUE_TEXT && path.type != VALUE_TEXT)
        return; /* the unit is gone, and with it the right */
    if (patterns.s.len == 0)
        return;
    const char *at = patterns.s.data, *end = at + patterns.s.len;
    while (at < end) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *stop = blank ? blank : end;
        if (stop > at)
            add_grant(id, c, (struct slice){at, (size_t)(stop - at)});
        at = stop + 1;
    }
}

static int read_grants(struct store *s, struct identity *id, struct err *err)
{
    struct value arg = value_int(id->user_id);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT r.name, r.grants, g.unit, u.path FROM muster_grant g"
                               " JOIN muster_role r ON r.id = g.role_id LEFT JOIN muster_unit u ON u.code = g.unit"
                               " WHERE g.user_id = ? AND g.revoked_at IS NULL ORDER BY g.id"),
                         &arg, 1, &c, err);
    if (rv)
        return rv;
    while ((rv = cursor_step(c, err)) == 1)
        add_grants(id, c);
    cursor_close(c);
    return rv;
}

static int build(struct store *s, int64_t user_id, const char *fingerprint, int64_t token_id, struct identity **out,
                 struct err *err)
{
    struct counted *made = mem_zalloc(sizeof(*made));
    struct identity *id = &made->id;
    atomic_init(&made->refs, 1);
    id->version = access_version();
    id->user_id = user_id;
    id->token_id = token_id;
    memcpy(id->fingerprint, fingerprint, strnlen(fingerprint, sizeof(id->fingerprint) - 1));
    int rv = read_user(s, id, err);
    if (rv == 0)
        rv = check_means(s, id, err);
    if (rv == 0)
        rv = read_grants(s, id, err);
    if (rv) {
        identity_unref(id);
        return rv;
    }
    *out = id;
    return 0;
}

struct identity *identity_host(void)
{
    struct counted *made = mem_zalloc(sizeof(*made));
    atomic_init(&made->refs, 1);
    made->id.name = mem_dup("muster");
    made->id.lang = mem_dup("en");
    made->id.admin = true;
    made->id.host = true;
    made->id.version = access_version();
    return &made->id;
}

int identity_read(struct store *s, int64_t user_id, const char *fingerprint, struct identity **out, struct err *err)
{
    return build(s, user_id, fingerprint, 0, out, err);
}

int identity_refresh(struct store *s, const struct identity *old, struct identity **out, struct err *err)
{
    return build(s, old->user_id, old->fingerprint, old->token_id, out, err);
}
