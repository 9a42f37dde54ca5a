#include "access/signin.h"

#include "access/password.h"
#include "access/users.h"

#include <string.h>

/* What a secret is can be seen from its shape, so a password's slow hash is spent only on what may be one. Everything
 * that goes wrong ends in the same words: who guesses learns nothing but "no". */

static int refuse(struct err *err)
{
    return err_rule(err, ERR_WRONGPASS, "access.sign_in", NULL,
                    "sign-in refused: name, secret or method is wrong, or the user is disabled");
}

/* Errors of the database are told as they are; an identity that cannot be had is one more "no". */
static int read_identity(struct store *s, const struct identity *half, struct identity **out, struct err *err)
{
    int rv = identity_refresh(s, half, out, err);
    return rv == ERR_NOTFOUND || rv == ERR_NOAUTH ? refuse(err) : rv;
}

static bool allows(struct value methods, struct value disabled, int method)
{
    int parsed;
    return methods_parse(methods.s, &parsed, NULL) == 0 && (parsed & method) && disabled.i == 0;
}

static int by_token(struct store *s, struct slice user, struct slice token, struct identity **out, struct err *err)
{
    char hash[65];
    token_hash(token, hash);
    struct value arg = value_cstr(hash);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT t.id, u.id, u.name, u.methods, u.disabled FROM muster_token t"
                               " JOIN muster_user u ON u.id = t.user_id WHERE t.hash = ? AND t.revoked_at IS NULL"),
                         &arg, 1, &c, err);
    if (rv)
        return rv;
    struct identity half = {0};
    bool may = false;
    rv = cursor_step(c, err);
    if (rv == 1) {
        struct value id, owner, name, methods, disabled;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &owner);
        cursor_value(c, 2, &name);
        cursor_value(c, 3, &methods);
        cursor_value(c, 4, &disabled);
        half.token_id = id.i;
        half.user_id = owner.i;
        may = allows(methods, disabled, METHOD_TOKEN) && (user.len == 0 || slice_eq(user, name.s));
    }
    cursor_close(c);
    if (rv < 0)
        return rv;
    return may ? read_identity(s, &half, out, err) : refuse(err);
}

static int by_password(struct store *s, struct slice user, struct slice password, struct identity **out,
                       struct err *err)
{
    struct value arg = value_text(user);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL, SLICE("SELECT id, methods, disabled, password_hash FROM muster_user WHERE name = ?"),
                         &arg, 1, &c, err);
    if (rv)
        return rv;
    struct identity half = {0};
    char encoded[PASSWORD_HASH_BYTES] = "";
    rv = cursor_step(c, err);
    if (rv == 1) {
        struct value id, methods, disabled, hash;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &methods);
        cursor_value(c, 2, &disabled);
        cursor_value(c, 3, &hash);
        half.user_id = id.i;
        if (allows(methods, disabled, METHOD_PASSWORD) && hash.type == VALUE_TEXT && hash.s.len < sizeof(encoded))
            memcpy(encoded, hash.s.data, hash.s.len);
    }
    cursor_close(c);
    if (rv < 0)
        return rv;
    return password_verify(encoded, password) ? read_identity(s, &half, out, err) : refuse(err);
}

int signin_secret(struct store *s, struct slice user, struct slice secret, struct identity **out, struct err *err)
{
    if (token_shaped(secret))
        return by_token(s, user, secret, out, err);
    if (user.len == 0 || user.len > 64 || secret.len > 4 * PASSWORD_MAX)
        return refuse(err);
    return by_password(s, user, secret, out, err);
}

int signin_certificate(struct store *s, const char *fingerprint, struct identity **out, struct err *err)
{
    struct value arg = value_cstr(fingerprint);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT u.id, u.methods, u.disabled FROM muster_cert k"
                               " JOIN muster_user u ON u.id = k.user_id"
                               " WHERE k.fingerprint = ? AND k.revoked_at IS NULL"),
                         &arg, 1, &c, err);
    if (rv)
        return rv;
    struct identity half = {0};
    bool may = false;
    rv = cursor_step(c, err);
    if (rv == 1) {
        struct value id, methods, disabled;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &methods);
        cursor_value(c, 2, &disabled);
        half.user_id = id.i;
        may = allows(methods, disabled, METHOD_CERT);
    }
    cursor_close(c);
    if (rv < 0)
        return rv;
    memcpy(half.fingerprint, fingerprint, strnlen(fingerprint, sizeof(half.fingerprint) - 1));
    return may ? read_identity(s, &half, out, err) : refuse(err);
}
