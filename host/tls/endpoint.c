#include "tls/endpoint.h"
#include "tls/mbed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An endpoint is a filled mbedtls_ssl_config and what it points at. It is never changed after tls_*_new, so sessions
 * on several threads may read it. One thing in it is written behind our back: mbedTLS 2.28 caches multiples of the
 * curve's generator in the key's own group while it signs and verifies. That is why the host runs one handshake of an
 * endpoint at a time.
 *
 * Resumption: under TLS 1.2 the ticket carries the whole session, the peer's certificate included, so a resumed
 * session knows its peer. TLS 1.3 of mbedTLS 3 leaves the certificate out of its tickets; a resumed client would have
 * no identity. So TLS 1.3 is offered without resumption: every such handshake is a full one.
 */

#define TICKET_KEY_SECONDS 86400

static const int suites[] = {
#if MBED_IS_3
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

static const char *const protocols[] = {"muster-resp/1", NULL};

static void tickets_unref(struct ticket_keys *t)
{
    if (t == NULL || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    mbedtls_ssl_ticket_free(&t->keys);
    free(t);
}

static int tickets_new(struct ticket_keys **out, struct err *err)
{
    struct ticket_keys *t = mem_zalloc(sizeof *t);
    atomic_init(&t->refs, 1);
    mbedtls_ssl_ticket_init(&t->keys);
    int ret = mbedtls_ssl_ticket_setup(&t->keys, mbed_random, NULL, MBEDTLS_CIPHER_AES_256_GCM, TICKET_KEY_SECONDS);
    if (ret != 0) {
        tickets_unref(t);
        return mbed_fail(err, ERR_INTERNAL, "make ticket keys", ret);
    }
    *out = t;
    return 0;
}

static bool same_ca(const struct tls_endpoint *a, const struct tls_endpoint *b)
{
    const mbedtls_x509_crt *x = &a->ca, *y = &b->ca;
    while (x != NULL && y != NULL) {
        if (x->raw.len != y->raw.len || memcmp(x->raw.p, y->raw.p, x->raw.len) != 0)
            return false;
        x = x->next;
        y = y->next;
    }
    return x == NULL && y == NULL;
}

/* Runs for each certificate of the peer's chain. With "optional" mbedTLS would accept a bad certificate as it
 * accepts none; only a failure of this function ends the handshake. */
static int refuse_bad(void *unused, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    (void)unused;
    (void)crt;
    (void)depth;
    return *flags == 0 ? 0 : MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}

/* P-256 first and, for what IT staff bring along, P-384 for signatures. */
static void set_curves(mbedtls_ssl_config *conf)
{
#if MBED_IS_3
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    mbedtls_ssl_conf_groups(conf, groups);
#else
    static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1,
                                                  MBEDTLS_ECP_DP_NONE};
    static const int hashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_NONE};
    mbedtls_ssl_conf_curves(conf, curves);
    mbedtls_ssl_conf_sig_hashes(conf, hashes);
#endif
}

static void set_versions(mbedtls_ssl_config *conf)
{
#if MBED_IS_3
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_tls13_key_exchange_modes(conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
#endif
#else
    mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
#if defined(MBEDTLS_SSL_RENEGOTIATION)
    mbedtls_ssl_conf_renegotiation(conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
}

static int set_config(struct tls_endpoint *e, struct err *err)
{
    int ret = mbedtls_ssl_config_defaults(&e->conf, e->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                          MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (ret != 0)
        return mbed_fail(err, ERR_INTERNAL, "configure TLS", ret);
    mbedtls_ssl_conf_rng(&e->conf, mbed_random, NULL);
    mbedtls_ssl_conf_ciphersuites(&e->conf, suites);
    set_curves(&e->conf);
    set_versions(&e->conf);
    mbedtls_ssl_conf_ca_chain(&e->conf, &e->ca, NULL);
    mbedtls_ssl_conf_authmode(&e->conf, e->server ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_verify(&e->conf, refuse_bad, NULL);
    /* The library keeps a pointer and only reads; its prototype lacks the const. */
    if ((ret = mbedtls_ssl_conf_alpn_protocols(&e->conf, (const char **)(uintptr_t)protocols)) != 0)
        return mbed_fail(err, ERR_INTERNAL, "configure ALPN", ret);
    if (e->has_cert && (ret = mbedtls_ssl_conf_own_cert(&e->conf, &e->cert, &e->key)) != 0)
        return mbed_fail(err, ERR_INTERNAL, "configure the certificate", ret);
    return 0;
}

static int load_cert(mbedtls_x509_crt *crt, const char *path, struct err *err)
{
    int ret = mbedtls_x509_crt_parse_file(crt, path);
    if (ret > 0)
        return err_set(err, ERR_ARG, "%s: %d of its certificates cannot be read", path, ret);
    if (ret == MBEDTLS_ERR_PK_FILE_IO_ERROR || ret == MBEDTLS_ERR_X509_FILE_IO_ERROR)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return ret == 0 ? 0 : mbed_fail(err, ERR_ARG, path, ret);
}

static int load_key(struct tls_endpoint *e, const char *path, struct err *err)
{
#if MBED_IS_3
    int ret = mbedtls_pk_parse_keyfile(&e->key, path, NULL, mbed_random, NULL);
#else
    int ret = mbedtls_pk_parse_keyfile(&e->key, path, NULL);
#endif
    if (ret == MBEDTLS_ERR_PK_FILE_IO_ERROR)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (ret != 0)
        return mbed_fail(err, ERR_ARG, path, ret);
    if (!mbedtls_pk_can_do(&e->key, MBEDTLS_PK_ECDSA))
        return err_set(err, ERR_ARG, "%s: not an elliptic-curve key; Muster signs with ECDSA only", path);
#if MBED_IS_3
    ret = mbedtls_pk_check_pair(&e->cert.pk, &e->key, mbed_random, NULL);
#else
    ret = mbedtls_pk_check_pair(&e->cert.pk, &e->key);
#endif
    if (ret != 0)
        return mbed_fail(err, ERR_ARG, "the key does not belong to the certificate", ret);
    return 0;
}

static struct tls_endpoint *new_endpoint(bool server)
{
    struct tls_endpoint *e = mem_zalloc(sizeof *e);
    atomic_init(&e->refs, 1);
    e->server = server;
    mbedtls_ssl_config_init(&e->conf);
    mbedtls_x509_crt_init(&e->ca);
    mbedtls_x509_crt_init(&e->cert);
    mbedtls_pk_init(&e->key);
    return e;
}

static int load(struct tls_endpoint *e, const struct tls_files *files, struct err *err)
{
    int rv = mbed_start(err);
    if (rv == 0)
        rv = load_cert(&e->ca, files->ca, err);
    if (rv == 0 && files->cert != NULL) {
        rv = load_cert(&e->cert, files->cert, err);
        if (rv == 0)
            rv = load_key(e, files->key, err);
        e->has_cert = rv == 0;
    }
    return rv == 0 ? set_config(e, err) : rv;
}

static int take_tickets(struct tls_endpoint *e, struct tls_endpoint *previous, struct err *err)
{
    if (previous != NULL && same_ca(e, previous)) {
        e->tickets = previous->tickets;
        atomic_fetch_add(&e->tickets->refs, 1);
    } else {
        int rv = tickets_new(&e->tickets, err);
        if (rv != 0)
            return rv;
    }
    mbedtls_ssl_conf_session_tickets_cb(&e->conf, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                        &e->tickets->keys);
#if MBED_IS_3 && defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_new_session_tickets(&e->conf, 0); /* TLS 1.3 only; see the top of this file */
#endif
    return 0;
}

int tls_server_new(const struct tls_files *files, struct tls_endpoint *previous, struct tls_endpoint **out,
                   struct err *err)
{
    assert(files->ca != NULL && files->cert != NULL && files->key != NULL);
    struct tls_endpoint *e = new_endpoint(true);
    int rv = load(e, files, err);
    if (rv == 0)
        rv = take_tickets(e, previous, err);
    if (rv != 0) {
        tls_endpoint_unref(e);
        return rv;
    }
    *out = e;
    return 0;
}

int tls_client_new(const struct tls_files *files, struct tls_endpoint **out, struct err *err)
{
    assert(files->ca != NULL && (files->cert == NULL) == (files->key == NULL));
    struct tls_endpoint *e = new_endpoint(false);
    int rv = load(e, files, err);
    if (rv != 0) {
        tls_endpoint_unref(e);
        return rv;
    }
    mbedtls_ssl_conf_session_tickets(&e->conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    *out = e;
    return 0;
}

struct tls_endpoint *tls_endpoint_ref(struct tls_endpoint *e)
{
    atomic_fetch_add(&e->refs, 1);
    return e;
}

void tls_endpoint_unref(struct tls_endpoint *e)
{
    if (e == NULL || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    mbedtls_ssl_config_free(&e->conf);
    mbedtls_x509_crt_free(&e->ca);
    mbedtls_x509_crt_free(&e->cert);
    mbedtls_pk_free(&e->key);
    tickets_unref(e->tickets);
    free(e);
}

int64_t tls_endpoint_expires_ms(const struct tls_endpoint *e)
{
    return e->has_cert ? mbed_time_ms(&e->cert.valid_to) : 0;
}

const char *tls_library_version(void)
{
    static char text[18]; /* the size mbedTLS asks for; every caller writes the same */
    mbedtls_version_get_string_full(text);
    return text;
}
