#include "tls/cert.h"
#include "base/clock.h"
#include "tls/mbed.h"
#include "tls/random.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Certificates after RFC 5280: version 3, a random serial of 16 bytes, keyUsage and basicConstraints critical, key
 * identifiers so that a renewed CA is told from the old one. Names, usages and constraints are written as DER by hand
 * where mbedTLS 2.28 has no writer; its buffers are filled from the end backwards.
 */

#define SERIAL_BYTES 16
#define NAME_MAX_BYTES 64 /* ub-common-name of RFC 5280 */
#define HOURS(n) ((int64_t)(n)*3600)

struct draft {
    mbedtls_x509write_cert crt;
    mbedtls_pk_context key;
};

static void draft_init(struct draft *d)
{
    mbedtls_x509write_crt_init(&d->crt);
    mbedtls_pk_init(&d->key);
}

static void draft_close(struct draft *d)
{
    mbedtls_x509write_crt_free(&d->crt);
    mbedtls_pk_free(&d->key);
}

static int make_key(mbedtls_pk_context *key)
{
    int ret = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (ret == 0)
        ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), mbed_random, NULL);
    return ret;
}

static int set_serial(mbedtls_x509write_cert *crt)
{
    unsigned char serial[SERIAL_BYTES];
    random_bytes(serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, and always the same length */
#if MBED_IS_3
    return mbedtls_x509write_crt_set_serial_raw(crt, serial, sizeof serial);
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    int ret = mbedtls_mpi_read_binary(&number, serial, sizeof serial);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_serial(crt, &number);
    mbedtls_mpi_free(&number);
    return ret;
#endif
}

/* From one hour ago, for clocks that differ, to `valid_days` from now. */
static int set_dates(mbedtls_x509write_cert *crt, int valid_days)
{
    time_t now = (time_t)(clock_now_ms() / 1000), ends[2] = {now - HOURS(1), now + HOURS(24) * valid_days};
    char text[2][16];
    for (int i = 0; i < 2; i++) {
        struct tm t;
        gmtime_r(&ends[i], &t);
        strftime(text[i], sizeof text[i], "%Y%m%d%H%M%S", &t);
    }
    return mbedtls_x509write_crt_set_validity(crt, text[0], text[1]);
}

/* The subject is handed to mbedTLS as the text "CN=…", whose escapes differ between its versions: characters that
 * would need one are refused. */
static int distinguish(const char *name, char *out, size_t size, struct err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_BYTES)
        return err_set(err, ERR_ARG, "a certificate's name has 1 to %d bytes, not %zu", NAME_MAX_BYTES, len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || strchr(",\\+\"<>;=#", name[i]) != NULL)
            return err_set(err, ERR_ARG,
                           "a certificate's name must not hold control characters or any of , \\ + \" < > ; = #");
    if (name[0] == ' ' || name[len - 1] == ' ')
        return err_set(err, ERR_ARG, "a certificate's name must not begin or end with a space");
    snprintf(out, size, "CN=%s", name);
    return 0;
}

static int set_constraints(mbedtls_x509write_cert *crt, bool ca)
{
    static const unsigned char ca_true[] = {0x30, 0x03, 0x01, 0x01, 0xff}, ca_false[] = {0x30, 0x00};
    const unsigned char *der = ca ? ca_true : ca_false;
    return mbedtls_x509write_crt_set_extension(crt, MBEDTLS_OID_BASIC_CONSTRAINTS,
                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_BASIC_CONSTRAINTS), 1, der,
                                               ca ? sizeof ca_true : sizeof ca_false);
}

static int set_purpose(mbedtls_x509write_cert *crt, bool server)
{
    static const unsigned char server_auth[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 1};
    static const unsigned char client_auth[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 2};
    return mbedtls_x509write_crt_set_extension(crt, MBEDTLS_OID_EXTENDED_KEY_USAGE,
                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), 0,
                                               server ? server_auth : client_auth, sizeof server_auth);
}

/* One GeneralName in front of `*at`: [7] address or [2] DNS name. Returns its length or a negative code of mbedTLS. */
static int write_host(unsigned char **at, unsigned char *start, const char *host)
{
    unsigned char ip[16];
    size_t len = inet_pton(AF_INET, host, ip) == 1 ? 4 : inet_pton(AF_INET6, host, ip) == 1 ? 16 : 0;
    unsigned char tag = len > 0 ? 7 : 2;
    int ret = len > 0 ? mbedtls_asn1_write_raw_buffer(at, start, ip, len)
                      : mbedtls_asn1_write_raw_buffer(at, start, (const unsigned char *)host, strlen(host));
    if (ret < 0)
        return ret;
    int total = ret;
    if ((ret = mbedtls_asn1_write_len(at, start, (size_t)total)) < 0)
        return ret;
    total += ret;
    ret = mbedtls_asn1_write_tag(at, start, MBEDTLS_ASN1_CONTEXT_SPECIFIC | tag);
    return ret < 0 ? ret : total + ret;
}

static int set_hosts(mbedtls_x509write_cert *crt, const char *const *hosts)
{
    unsigned char der[2048], *at = der + sizeof der;
    int total = 0, ret = 0, count = 0;
    while (hosts[count] != NULL)
        count++;
    for (int i = count - 1; i >= 0; i--) {
        if ((ret = write_host(&at, der, hosts[i])) < 0)
            return ret;
        total += ret;
    }
    if ((ret = mbedtls_asn1_write_len(&at, der, (size_t)total)) < 0)
        return ret;
    total += ret;
    if ((ret = mbedtls_asn1_write_tag(&at, der, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)) < 0)
        return ret;
    total += ret;
    return mbedtls_x509write_crt_set_extension(crt, MBEDTLS_OID_SUBJECT_ALT_NAME,
                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0, at, (size_t)total);
}

/* What CA, server and client certificates have in common; draft->key is made here. */
static int begin(struct draft *d, mbedtls_pk_context *issuer_key, const char *subject, const char *issuer,
                 int valid_days)
{
    int ret = make_key(&d->key);
    if (ret != 0)
        return ret;
    mbedtls_x509write_cert *crt = &d->crt;
    mbedtls_x509write_crt_set_version(crt, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(crt, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(crt, &d->key);
    mbedtls_x509write_crt_set_issuer_key(crt, issuer_key != NULL ? issuer_key : &d->key);
    if ((ret = set_serial(crt)) != 0 || (ret = set_dates(crt, valid_days)) != 0 ||
        (ret = mbedtls_x509write_crt_set_subject_name(crt, subject)) != 0 ||
        (ret = mbedtls_x509write_crt_set_issuer_name(crt, issuer)) != 0 ||
        (ret = mbedtls_x509write_crt_set_subject_key_identifier(crt)) != 0)
        return ret;
    return mbedtls_x509write_crt_set_authority_key_identifier(crt);
}

static int finish(struct draft *d, struct buf *cert_pem, struct buf *key_pem)
{
    unsigned char pem[4096];
    int ret = mbedtls_x509write_crt_pem(&d->crt, pem, sizeof pem, mbed_random, NULL);
    if (ret == 0)
        ret = buf_text(cert_pem, (const char *)pem) == 0 ? mbedtls_pk_write_key_pem(&d->key, pem, sizeof pem) : -1;
    if (ret == 0)
        ret = buf_text(key_pem, (const char *)pem);
    mbedtls_platform_zeroize(pem, sizeof pem);
    return ret;
}

int cert_make_ca(const char *name, int valid_days, struct buf *cert_pem, struct buf *key_pem, struct err *err)
{
    char subject[NAME_MAX_BYTES + 8];
    struct draft d;
    int ret, rv = mbed_start(err);
    if (rv != 0 || (rv = distinguish(name, subject, sizeof subject, err)) != 0)
        return rv;
    draft_init(&d);
    if ((ret = begin(&d, NULL, subject, subject, valid_days)) != 0 || (ret = set_constraints(&d.crt, true)) != 0 ||
        (ret = mbedtls_x509write_crt_set_key_usage(&d.crt, MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN)) !=
            0 ||
        (ret = finish(&d, cert_pem, key_pem)) != 0)
        rv = mbed_fail(err, ERR_INTERNAL, "make the CA certificate", ret);
    draft_close(&d);
    return rv;
}

/* PEM parsers of mbedTLS count the closing NUL. */
static int parse_ca(struct slice cert_pem, struct slice key_pem, mbedtls_x509_crt *crt, mbedtls_pk_context *key)
{
    char *text = mem_dup_slice(cert_pem);
    int ret = mbedtls_x509_crt_parse(crt, (const unsigned char *)text, cert_pem.len + 1);
    free(text);
    if (ret != 0)
        return ret < 0 ? ret : MBEDTLS_ERR_X509_INVALID_FORMAT;
    text = mem_dup_slice(key_pem);
#if MBED_IS_3
    ret = mbedtls_pk_parse_key(key, (const unsigned char *)text, key_pem.len + 1, NULL, 0, mbed_random, NULL);
    if (ret == 0)
        ret = mbedtls_pk_check_pair(&crt->pk, key, mbed_random, NULL);
#else
    ret = mbedtls_pk_parse_key(key, (const unsigned char *)text, key_pem.len + 1, NULL, 0);
    if (ret == 0)
        ret = mbedtls_pk_check_pair(&crt->pk, key);
#endif
    mbedtls_platform_zeroize(text, key_pem.len);
    free(text);
    return ret;
}

int cert_issue(struct slice ca_cert_pem, struct slice ca_key_pem, const struct cert_request *request,
               struct buf *cert_pem, struct buf *key_pem, struct err *err)
{
    char subject[NAME_MAX_BYTES + 8], issuer[256];
    bool server = request->hosts != NULL;
    struct draft d;
    mbedtls_x509_crt ca;
    mbedtls_pk_context ca_key;
    int ret, rv = mbed_start(err);
    if (rv != 0 || (rv = distinguish(request->name, subject, sizeof subject, err)) != 0)
        return rv;
    draft_init(&d);
    mbedtls_x509_crt_init(&ca);
    mbedtls_pk_init(&ca_key);
    if ((ret = parse_ca(ca_cert_pem, ca_key_pem, &ca, &ca_key)) != 0) {
        rv = mbed_fail(err, ERR_INTERNAL, "read the CA's certificate and key", ret);
        goto done;
    }
    if ((ret = mbedtls_x509_dn_gets(issuer, sizeof issuer, &ca.subject)) < 0 ||
        (ret = begin(&d, &ca_key, subject, issuer, request->valid_days)) != 0 ||
        (ret = set_constraints(&d.crt, false)) != 0 ||
        (ret = mbedtls_x509write_crt_set_key_usage(&d.crt, MBEDTLS_X509_KU_DIGITAL_SIGNATURE)) != 0 ||
        (ret = set_purpose(&d.crt, server)) != 0 || (server && (ret = set_hosts(&d.crt, request->hosts)) != 0) ||
        (ret = finish(&d, cert_pem, key_pem)) != 0)
        rv = mbed_fail(err, ERR_INTERNAL, "make a certificate", ret);
done:
    mbedtls_x509_crt_free(&ca);
    mbedtls_pk_free(&ca_key);
    draft_close(&d);
    return rv;
}

int cert_read(struct slice pem, struct cert_info *info, struct err *err)
{
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    char *text = mem_dup_slice(pem);
    int rv = 0, ret = mbedtls_x509_crt_parse(&crt, (const unsigned char *)text, pem.len + 1);
    free(text);
    if (ret < 0 || crt.raw.p == NULL) {
        rv = mbed_fail(err, ERR_ARG, "read a certificate", ret);
    } else {
        *info = (struct cert_info){.not_before_ms = mbed_time_ms(&crt.valid_from),
                                   .not_after_ms = mbed_time_ms(&crt.valid_to)};
        mbed_subject(&crt, info->name, sizeof info->name);
        mbed_fingerprint(&crt, info->fingerprint);
    }
    mbedtls_x509_crt_free(&crt);
    return rv;
}
