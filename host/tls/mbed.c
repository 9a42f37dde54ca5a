#include "tls/mbed.h"
#include "base/clock.h"
#include "tls/random.h"

#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#if MBED_IS_3
#include <psa/crypto.h>
#endif

#include <string.h>

int mbed_random(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    random_bytes(out, len);
    return 0;
}

int mbed_start(struct err *err)
{
#if MBED_IS_3
    /* TLS 1.3 of mbedTLS 3 works on PSA keys. Calling this again is harmless and cheap. */
    if (psa_crypto_init() != PSA_SUCCESS)
        return err_set(err, ERR_INTERNAL, "the cryptography library does not start");
#else
    (void)err;
#endif
    return 0;
}

int mbed_fail(struct err *err, int code, const char *what, int ret)
{
    char words[160] = "";
    mbedtls_strerror(ret, words, sizeof words);
    return err_set(err, code, "%s: %s (-0x%04x)", what, words, (unsigned)-ret);
}

void mbed_subject(const mbedtls_x509_crt *crt, char *name, size_t name_size)
{
    name[0] = '\0';
    for (const mbedtls_x509_name *part = &crt->subject; part != NULL; part = part->next) {
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) != 0)
            continue;
        size_t len = part->val.len < name_size - 1 ? part->val.len : name_size - 1;
        memcpy(name, part->val.p, len);
        name[len] = '\0';
        for (size_t i = 0; i < len; i++) /* a NUL inside would end the name early and make it look like another */
            if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
                name[i] = '?';
        return;
    }
}

void mbed_fingerprint(const mbedtls_x509_crt *crt, char out[65])
{
    unsigned char hash[SHA256_BYTES];
    struct slice der = {(const char *)crt->raw.p, crt->raw.len};
    sha256(&der, 1, hash);
    hex_encode(hash, sizeof hash, out);
}

int64_t mbed_time_ms(const mbedtls_x509_time *t)
{
    int64_t seconds = clock_days(t->year, t->mon, t->day) * 86400 + t->hour * 3600 + t->min * 60 + t->sec;
    return seconds * 1000;
}
