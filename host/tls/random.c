#include "tls/random.h"
#include "tls/mbed.h"

#include <mbedtls/sha256.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#if MBED_IS_3
#define sha256_starts mbedtls_sha256_starts
#define sha256_update mbedtls_sha256_update
#define sha256_finish mbedtls_sha256_finish
#else
#define sha256_starts mbedtls_sha256_starts_ret
#define sha256_update mbedtls_sha256_update_ret
#define sha256_finish mbedtls_sha256_finish_ret
#endif

void random_bytes(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        len -= (size_t)got;
    }
}

void sha256(const struct slice *parts, int count, unsigned char out[SHA256_BYTES])
{
    mbedtls_sha256_context hash;
    mbedtls_sha256_init(&hash);
    int failed = sha256_starts(&hash, 0);
    for (int i = 0; i < count; i++)
        if (parts[i].len > 0)
            failed |= sha256_update(&hash, (const unsigned char *)parts[i].data, parts[i].len);
    failed |= sha256_finish(&hash, out);
    mbedtls_sha256_free(&hash);
    if (failed) /* only hardware accelerators can fail; a wrong hash must not leave here */
        abort();
}

void hex_encode(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}
