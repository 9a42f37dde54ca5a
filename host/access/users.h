/* Users and what they sign in with: certificates, tokens, passwords. All inside a command of the writer, or (lists)
 * a read. */
#ifndef MUSTER_ACCESS_USERS_H
#define MUSTER_ACCESS_USERS_H

#include "store/store.h"
#include "wire/reply.h"

enum { METHOD_CERT = 1, METHOD_PASSWORD = 2, METHOD_TOKEN = 4 };

/* What a decision about a user needs. */
struct user {
    int64_t id;
    bool admin, disabled;
    int methods; /* METHOD_… */
};

/* 0, or ERR_NOTFOUND (rule "user.unknown"). */
int user_find(struct store *s, struct slice name, struct user *out, struct err *err);

/* Empty slices: not given. `methods`: "cert,password,token" in any order; default: all three. */
struct user_fields {
    struct slice person, methods, lang;
};
/* 0, or ERR_ARG (rule "user.name", "user.methods", "user.lang"), ERR_CONFLICT (rule "user.exists"). */
int user_add(struct store *s, struct slice name, const struct user_fields *fields, bool admin, int64_t now_ms,
             int64_t *id, struct err *err);
/* What follows is refused (ERR_POLICY, rule "access.last_admin") when no administrator would be left who is not
 * disabled and has something to sign in with; the change is made by then, and goes with its command. */
/* Change the fields given; empty ones stay. */
int user_change(struct store *s, const struct user *user, const struct user_fields *fields, struct err *err);
int user_disable(struct store *s, const struct user *user, bool disabled, struct err *err);
/* Make a user administrator, or end it. */
int user_set_admin(struct store *s, const struct user *user, bool admin, struct err *err);
/* ERR_STATE (rule "user.method") when the user may not sign in with passwords. */
int user_password(struct store *s, const struct user *user, struct slice password, struct err *err);

#define TOKEN_TEXT_BYTES 68 /* "mst" and 64 hex digits, NUL-terminated */
/* Make a token with 256 random bits; only its SHA-256 is kept. ERR_CONFLICT (rule "user.label") when the label is in
 * use. */
int user_token(struct store *s, const struct user *user, struct slice label, int64_t now_ms,
               char token[TOKEN_TEXT_BYTES], struct err *err);
int user_token_revoke(struct store *s, const struct user *user, struct slice label, int64_t now_ms, struct err *err);
/* Bind a certificate by its SHA-256 fingerprint: 64 hex digits, colons between bytes allowed. ERR_CONFLICT when it
 * is bound already; a revoked one never comes back. */
int user_cert(struct store *s, const struct user *user, struct slice fingerprint, struct slice label, int64_t now_ms,
              struct err *err);
int user_cert_revoke(struct store *s, const struct user *user, struct slice fingerprint, int64_t now_ms,
                     struct err *err);

/* Write users in order of name, after `after`, as an array of maps. */
int user_list(struct store *s, struct slice after, int limit, struct reply *reply, struct err *err);

/* -- for this folder -- */
/* To be called after a change that may have left the server without an administrator: 0 or ERR_POLICY. */
int user_keep_admin(struct store *s, const struct user *user, struct err *err);
bool token_shaped(struct slice text);
void token_hash(struct slice token, char out[65]);
int methods_parse(struct slice text, int *methods, struct err *err);

#endif
