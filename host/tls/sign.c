#include "tls/sign.h"

#include "tls/mbed.h"

#include <mbedtls/platform_util.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Keys are read for each signature: signing and checking packages is rare. mbedTLS 3 asks for randomness where 2.28 did
 * not, and for the room in the signature's buffer. */

enum { PEM_BYTES = 4096, DER_BYTES = 512 };

static int make_key(mbedtls_pk_context *key)
{
    int ret = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    return ret ? ret : mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), mbed_random, NULL);
}

static int write_new(const char *path, const unsigned char *text, mode_t mode, struct err *err)
{
    size_t len = strlen((const char *)text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path, strerror(errno));
    int rv = 0;
    if (write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
        rv = err_set(err, ERR_IO, "%s: could not be written", path);
    close(fd);
    if (rv != 0)
        unlink(path);
    return rv;
}

int sign_new_key(const char *private_path, const char *public_path, struct err *err)
{
    unsigned char secret[PEM_BYTES], open_text[PEM_BYTES];
    mbedtls_pk_context key;
    int rv = mbed_start(err);
    if (rv != 0)
        return rv;
    mbedtls_pk_init(&key);
    int ret = make_key(&key);
    if (ret == 0)
        ret = mbedtls_pk_write_key_pem(&key, secret, sizeof(secret));
    if (ret == 0)
        ret = mbedtls_pk_write_pubkey_pem(&key, open_text, sizeof(open_text));
    if (ret != 0)
        rv = mbed_fail(err, ERR_INTERNAL, "make a key", ret);
    if (rv == 0)
        rv = write_new(private_path, secret, 0600, err);
    if (rv == 0 && (rv = write_new(public_path, open_text, 0644, err)) != 0)
        unlink(private_path);
    mbedtls_platform_zeroize(secret, sizeof(secret));
    mbedtls_pk_free(&key);
    return rv;
}

/* ECDSA P-256 and nothing else. */
static bool fits(const mbedtls_pk_context *key)
{
    return mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA) && mbedtls_pk_get_bitlen(key) == 256 &&
           mbedtls_pk_ec(*key)->MBED_FIELD(grp).id == MBEDTLS_ECP_DP_SECP256R1;
}

static void hash_of(struct slice bytes, unsigned char out[SHA256_BYTES])
{
    sha256(&bytes, 1, out);
}

int sign_bytes(const char *private_path, struct slice bytes, struct buf *out, struct err *err)
{
    unsigned char hash[SHA256_BYTES], signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t len = 0;
    mbedtls_pk_context key;
    int rv = mbed_start(err);
    if (rv != 0)
        return rv;
    if (access(private_path, R_OK) != 0)
        return err_set(err, ERR_IO, "%s: %s", private_path, strerror(errno));
    mbedtls_pk_init(&key);
    hash_of(bytes, hash);
#if MBED_IS_3
    int ret = mbedtls_pk_parse_keyfile(&key, private_path, NULL, mbed_random, NULL);
#else
    int ret = mbedtls_pk_parse_keyfile(&key, private_path, NULL);
#endif
    if (ret != 0 || !fits(&key)) {
        rv = err_rule(err, ERR_ARG, "signature.key", NULL, "%s is no private key of ECDSA P-256 in PEM", private_path);
        goto end;
    }
#if MBED_IS_3
    ret = mbedtls_pk_sign(&key, MBEDTLS_MD_SHA256, hash, sizeof(hash), signature, sizeof(signature), &len, mbed_random,
                          NULL);
#else
    ret = mbedtls_pk_sign(&key, MBEDTLS_MD_SHA256, hash, sizeof(hash), signature, &len, mbed_random, NULL);
#endif
    rv = ret == 0 ? buf_append(out, signature, len) : mbed_fail(err, ERR_INTERNAL, "sign", ret);
end:
    mbedtls_pk_free(&key);
    return rv;
}

static int parse_public(struct slice pem, mbedtls_pk_context *key, struct err *err)
{
    unsigned char text[PEM_BYTES];
    int rv = mbed_start(err);
    if (rv != 0)
        return rv;
    if (pem.len == 0 || pem.len >= sizeof(text))
        return err_rule(err, ERR_ARG, "signature.key", NULL, "this is no public key in PEM");
    memcpy(text, pem.data, pem.len);
    text[pem.len] = '\0';
    if (mbedtls_pk_parse_public_key(key, text, pem.len + 1) != 0 || !fits(key))
        return err_rule(err, ERR_ARG, "signature.key", NULL, "this is no public key of ECDSA P-256 in PEM");
    return 0;
}

int sign_key_id(struct slice pem, char out[17], struct err *err)
{
    unsigned char der[DER_BYTES], hash[SHA256_BYTES];
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    int rv = parse_public(pem, &key, err);
    if (rv == 0) {
        int len = mbedtls_pk_write_pubkey_der(&key, der, sizeof(der)); /* at the end of the buffer */
        if (len < 0)
            rv = mbed_fail(err, ERR_INTERNAL, "write a public key", len);
        else
            hash_of((struct slice){(const char *)der + sizeof(der) - len, (size_t)len}, hash);
    }
    if (rv == 0)
        hex_encode(hash, 8, out);
    mbedtls_pk_free(&key);
    return rv;
}

int sign_verify(struct slice pem, struct slice bytes, struct slice signature, struct err *err)
{
    unsigned char hash[SHA256_BYTES];
    mbedtls_pk_context key;
    if (signature.len == 0)
        return err_rule(err, ERR_ARG, "signature.form", NULL, "there is no signature");
    mbedtls_pk_init(&key);
    int rv = parse_public(pem, &key, err);
    hash_of(bytes, hash);
    if (rv == 0 && mbedtls_pk_verify(&key, MBEDTLS_MD_SHA256, hash, sizeof(hash), (const unsigned char *)signature.data,
                                     signature.len) != 0)
        rv = err_rule(err, ERR_POLICY, "signature.wrong", NULL, "the signature does not fit");
    mbedtls_pk_free(&key);
    return rv;
}
