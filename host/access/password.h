/* Passwords: Argon2id, kept as the encoded string of its reference implementation. */
#ifndef MUSTER_ACCESS_PASSWORD_H
#define MUSTER_ACCESS_PASSWORD_H

#include "base/buf.h"
#include "base/err.h"

#define PASSWORD_MIN 8 /* characters */
#define PASSWORD_MAX 200
#define PASSWORD_HASH_BYTES 128

/* About 20 ms and 19 MiB each: never on the loop's thread. */
int password_hash(struct slice password, char out[PASSWORD_HASH_BYTES], struct err *err);
/* Is it the password? `encoded` NULL or "": no, after as much work as if there were one. */
bool password_verify(const char *encoded, struct slice password);

#endif
