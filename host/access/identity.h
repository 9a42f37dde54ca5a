/* Who is asking: a signed-in user with roles and scopes, as one immutable, reference-counted value. */
#ifndef MUSTER_ACCESS_IDENTITY_H
#define MUSTER_ACCESS_IDENTITY_H

#include "base/buf.h"
#include "plugin/declare.h"
#include "store/store.h"

struct grant {
    char *role;    /* name, for acl.why */
    char *pattern; /* "fund.give", "fund.*", "*", "read:fund.*", "backdate" */
    char *unit;    /* code, or NULL for everything */
    char *path;    /* "/" or the unit's path */
};

struct identity {
    int64_t user_id;
    char *name, *person /* or NULL */, *lang;
    char fingerprint[65]; /* of the certificate that signed in, or "" */
    int64_t token_id;     /* of the token that signed in, or 0 */
    bool admin;           /* every command, everywhere, and backdate */
    bool host;            /* the host itself: no row in muster_user stands behind it, and it is never read again */
    struct grant *grants;
    int ngrants;
    uint64_t version; /* of access_version() before the transaction in which it was read */
};

struct identity *identity_ref(struct identity *id);
void identity_unref(struct identity *id); /* NULL is fine */

/* Grows whenever a commit changed users, roles, grants or units: an identity with another version must be read
 * again. */
uint64_t access_version(void);
void access_changed(void); /* after the commit, before its replies leave */

/* Read the user's identity. ERR_NOTFOUND; ERR_NOAUTH when disabled, or when `fingerprint` (may be "") was revoked
 * or certificates are no method of the user's any more.
 * Inside a read or batch. */
int identity_read(struct store *s, int64_t user_id, const char *fingerprint, struct identity **out, struct err *err);

/* Read it again, as it signed in: also ERR_NOAUTH when its token was revoked, or tokens are no method any more. */
int identity_refresh(struct store *s, const struct identity *old, struct identity **out, struct err *err);

/* The host itself, user 0, named "muster" (a name that no user can have), administrator. Never NULL. */
struct identity *identity_host(void);

/* May this identity use the command at all, whatever the unit? For early refusal and COMMAND LIST. */
bool identity_may(const struct identity *id, const struct command *command);

#endif
