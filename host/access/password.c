#include "access/password.h"

#include "tls/random.h"

#include <argon2.h>

/* Parameters: OWASP Password Storage Cheat Sheet, Argon2id with m = 19 MiB, t = 2, p = 1. */
enum { TIMES = 2, MEMORY_KIB = 19456, LANES = 1, SALT_BYTES = 16, HASH_BYTES = 32 };

/* The hash of nothing anybody knows, with the same parameters: an unknown name costs what a wrong password costs. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$"
                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

int password_hash(struct slice password, char out[PASSWORD_HASH_BYTES], struct err *err)
{
    unsigned char salt[SALT_BYTES];
    random_bytes(salt, sizeof(salt));
    int rv = argon2id_hash_encoded(TIMES, MEMORY_KIB, LANES, password.data, password.len, salt, sizeof(salt),
                                   HASH_BYTES, out, PASSWORD_HASH_BYTES);
    if (rv != ARGON2_OK)
        return err_set(err, ERR_INTERNAL, "hash the password: %s", argon2_error_message(rv));
    return 0;
}

bool password_verify(const char *encoded, struct slice password)
{
    bool real = encoded && encoded[0];
    int rv = argon2id_verify(real ? encoded : nobody, password.data, password.len);
    return real && rv == ARGON2_OK;
}
