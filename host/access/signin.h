/* Signing in: a secret or a certificate becomes an identity. On a reader lane, inside a read. */
#ifndef MUSTER_ACCESS_SIGNIN_H
#define MUSTER_ACCESS_SIGNIN_H

#include "access/identity.h"

/* `user` may be empty or its owner's name when the secret is a token. 0, or ERR_WRONGPASS with one and the same text
 * whatever was wrong: name, secret, method, disabled user. A wrong name costs as much time as a wrong password. */
int signin_secret(struct store *s, struct slice user, struct slice secret, struct identity **out, struct err *err);
/* By the SHA-256 fingerprint of the client certificate, lower-case hex. 0 or ERR_WRONGPASS. */
int signin_certificate(struct store *s, const char *fingerprint, struct identity **out, struct err *err);

#endif
