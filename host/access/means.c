#include "access/users.h"

#include "base/utf8.h"
#include "tls/random.h"

#include <string.h>

/* What a user signs in with besides a password. A token is shown once, when it is made: the table holds only its
 * SHA-256, which is enough for a random secret of 256 bits. A certificate is known by its fingerprint alone. */

static const char prefix[] = "mst";

bool token_shaped(struct slice text)
{
    if (text.len != TOKEN_TEXT_BYTES - 1 || memcmp(text.data, prefix, 3) != 0)
        return false;
    for (size_t i = 3; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

void token_hash(struct slice token, char out[65])
{
    unsigned char hash[SHA256_BYTES];
    sha256(&token, 1, hash);
    hex_encode(hash, sizeof(hash), out);
}

static int check_method(const struct user *user, int method, const char *name, struct err *err)
{
    if (user->methods & method)
        return 0;
    return err_rule(err, ERR_STATE, "user.method", "name",
                    "this user may not sign in with a %s; user.set methods= allows it", name);
}

static int check_label(struct slice label, struct err *err)
{
    if (label.len > 0 && label.len <= 100 && utf8_valid(label))
        return 0;
    return err_rule(err, ERR_ARG, "user.label", "label", "a label has 1 to 100 bytes");
}

int user_token(struct store *s, const struct user *user, struct slice label, int64_t now_ms,
               char token[TOKEN_TEXT_BYTES], struct err *err)
{
    int rv = check_method(user, METHOD_TOKEN, "token", err);
    if (rv == 0)
        rv = check_label(label, err);
    if (rv)
        return rv;
    struct value key[] = {value_int(user->id), value_text(label)}, found;
    struct buf keep = {0};
    rv =
        store_value(s, NULL, SLICE("SELECT 1 FROM muster_token WHERE user_id = ? AND label = ? AND revoked_at IS NULL"),
                    key, 2, &found, &keep, err);
    buf_close(&keep);
    if (rv < 0)
        return rv;
    if (rv == 1)
        return err_rule(err, ERR_CONFLICT, "user.label", "label",
                        "the user has a token %.*s already; revoke it or choose another label", (int)label.len,
                        label.data);
    unsigned char bits[32];
    random_bytes(bits, sizeof(bits));
    memcpy(token, prefix, 3);
    hex_encode(bits, sizeof(bits), token + 3);
    char hash[65];
    token_hash(slice_of(token), hash);
    struct value args[] = {value_int(user->id), value_cstr(hash), value_text(label), value_int(now_ms)};
    return store_run(s, "INSERT INTO muster_token(user_id, hash, label, added_at) VALUES(?, ?, ?, ?)", args, 4, err);
}

int user_token_revoke(struct store *s, const struct user *user, struct slice label, int64_t now_ms, struct err *err)
{
    struct value args[] = {value_int(now_ms), value_int(user->id), value_text(label)};
    int64_t changes = 0;
    int rv = store_exec(s, NULL,
                        SLICE("UPDATE muster_token SET revoked_at = ? WHERE user_id = ? AND label = ?"
                              " AND revoked_at IS NULL"),
                        args, 3, &changes, err);
    if (rv == 0 && changes == 0)
        rv = err_rule(err, ERR_NOTFOUND, "user.label", "label", "the user has no token %.*s",
                      (int)(label.len > 100 ? 100 : label.len), label.data ? label.data : "");
    return rv ? rv : user_keep_admin(s, user, err);
}

/* -- certificates -- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c;
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c : 0;
}

/* Lower-case hex without colons. */
static int normalise(struct slice text, char out[65], struct err *err)
{
    size_t n = 0;
    bool good = true;
    for (size_t i = 0; good && i < text.len; i++) {
        char c = text.data[i];
        if (c == ':' && n > 0 && n % 2 == 0)
            continue;
        good = n < 64 && hex_digit(c);
        if (good)
            out[n++] = (char)hex_digit(c);
    }
    out[n] = '\0';
    if (good && n == 64)
        return 0;
    return err_rule(err, ERR_ARG, "user.fingerprint", "fingerprint",
                    "a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits");
}

int user_cert(struct store *s, const struct user *user, struct slice fingerprint, struct slice label, int64_t now_ms,
              struct err *err)
{
    char normal[65];
    int rv = check_method(user, METHOD_CERT, "certificate", err);
    if (rv == 0)
        rv = check_label(label, err);
    if (rv == 0)
        rv = normalise(fingerprint, normal, err);
    if (rv)
        return rv;
    struct value key = value_cstr(normal), found;
    struct buf keep = {0};
    rv = store_value(s, NULL, SLICE("SELECT 1 FROM muster_cert WHERE fingerprint = ?"), &key, 1, &found, &keep, err);
    buf_close(&keep);
    if (rv < 0)
        return rv;
    if (rv == 1)
        return err_rule(err, ERR_CONFLICT, "user.cert_bound", "fingerprint",
                        "this certificate is, or was, bound to a user; issue a new one");
    struct value args[] = {value_cstr(normal), value_int(user->id), value_text(label), value_int(now_ms)};
    return store_run(s, "INSERT INTO muster_cert(fingerprint, user_id, name, added_at) VALUES(?, ?, ?, ?)", args, 4,
                     err);
}

int user_cert_revoke(struct store *s, const struct user *user, struct slice fingerprint, int64_t now_ms,
                     struct err *err)
{
    char normal[65];
    int rv = normalise(fingerprint, normal, err);
    if (rv)
        return rv;
    struct value args[] = {value_int(now_ms), value_int(user->id), value_cstr(normal)};
    int64_t changes = 0;
    rv = store_exec(s, NULL,
                    SLICE("UPDATE muster_cert SET revoked_at = ? WHERE user_id = ? AND fingerprint = ?"
                          " AND revoked_at IS NULL"),
                    args, 3, &changes, err);
    if (rv == 0 && changes == 0)
        rv =
            err_rule(err, ERR_NOTFOUND, "user.fingerprint", "fingerprint", "no such certificate is bound to this user");
    return rv ? rv : user_keep_admin(s, user, err);
}
