#include "tls/session.h"
#include "tls/mbed.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* mbedTLS wants a transport; here it is two pieces of memory. Reading takes from `in`, which points at the caller's
 * bytes for the time of one tls_session_input; writing appends to `out`, which the caller sends. mbedTLS keeps the
 * beginning of an incomplete record itself, so bytes are left over only when the caller's `plain` is full: those wait
 * in `rest`.
 *
 *   TLS_HANDSHAKE ──handshake done, peer checked──> TLS_OPEN ──close_notify, error or tls_session_close──> TLS_CLOSED
 *         └──────────────────────────── alert, bad peer, bad bytes ────────────────────────────────────────────┘
 */

#define CHUNK_BYTES 16384

struct tls_session {
    struct tls_endpoint *endpoint;
    mbedtls_ssl_context ssl;
    enum tls_state state;
    bool notified; /* our close_notify is in the output */
    bool full;     /* the handshake went through certificates, so it is not a resumption */
    bool has_ip;   /* clients: the server must carry this address, which mbedTLS 2.28 cannot check */
    unsigned char ip[16];
    size_t ip_len;
    struct slice in; /* not yet read by mbedTLS; the caller's memory, or rest's */
    struct buf rest; /* kept from one call to the next while `plain` has no room */
    struct buf out;
};

static int send_bytes(void *arg, const unsigned char *data, size_t len)
{
    struct tls_session *s = arg;
    return buf_append(&s->out, data, len) == 0 ? (int)len : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int take_bytes(void *arg, unsigned char *data, size_t len)
{
    struct tls_session *s = arg;
    if (s->in.len == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    size_t count = len < s->in.len ? len : s->in.len;
    memcpy(data, s->in.data, count);
    s->in.data += count;
    s->in.len -= count;
    return (int)count;
}

/* A name goes to mbedTLS (SNI and the check of the certificate); an address is checked by us and never sent: RFC
 * 6066, 3. */
static int expect_host(struct tls_session *s, const char *host)
{
    if (inet_pton(AF_INET, host, s->ip) == 1)
        s->ip_len = 4;
    else if (inet_pton(AF_INET6, host, s->ip) == 1)
        s->ip_len = 16;
    s->has_ip = s->ip_len > 0;
    return mbedtls_ssl_set_hostname(&s->ssl, s->has_ip ? NULL : host);
}

struct tls_session *tls_session_new(struct tls_endpoint *endpoint, const char *host)
{
    struct tls_session *s = mem_zalloc(sizeof *s);
    s->endpoint = tls_endpoint_ref(endpoint);
    mbedtls_ssl_init(&s->ssl);
    /* Both fail on memory alone (and on a host name over 255 bytes): the first input then says so. */
    if (mbedtls_ssl_setup(&s->ssl, &endpoint->conf) != 0 || (host != NULL && expect_host(s, host) != 0))
        s->state = TLS_CLOSED;
    mbedtls_ssl_set_bio(&s->ssl, s, send_bytes, take_bytes, NULL);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    mbedtls_ssl_free(&s->ssl);
    tls_endpoint_unref(s->endpoint);
    buf_close(&s->rest);
    buf_close(&s->out);
    free(s);
}

static bool carries_ip(const mbedtls_x509_crt *crt, const unsigned char *ip, size_t len)
{
    const int ip_tag = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7; /* iPAddress of GeneralName, RFC 5280, 4.2.1.6 */
    for (const mbedtls_x509_sequence *san = &crt->subject_alt_names; san != NULL; san = san->next)
        if (san->buf.tag == ip_tag && san->buf.len == len && memcmp(san->buf.p, ip, len) == 0)
            return true;
    return false;
}

static bool expired(const mbedtls_x509_crt *crt)
{
    return mbedtls_x509_time_is_past(&crt->valid_to) || mbedtls_x509_time_is_future(&crt->valid_from);
}

/* The last word on the peer, after full handshakes and after resumed ones, which verify nothing themselves. */
static int check_peer(struct tls_session *s, struct err *err)
{
    const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&s->ssl);
    if (peer == NULL)
        return s->endpoint->server ? 0 : err_set(err, ERR_NOAUTH, "the server showed no certificate");
    uint32_t flags = mbedtls_ssl_get_verify_result(&s->ssl);
    if (flags != 0)
        return err_set(err, ERR_NOAUTH, "the peer's certificate is not accepted (flags 0x%x)", (unsigned)flags);
    if (expired(peer))
        return err_set(err, ERR_NOAUTH, "the peer's certificate is not valid today");
    if (s->has_ip && !carries_ip(peer, s->ip, s->ip_len))
        return err_set(err, ERR_NOAUTH, "the server's certificate is for another address");
    return 0;
}

static int explain(struct tls_session *s, int ret, struct err *err)
{
    if (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || ret == MBEDTLS_ERR_X509_FATAL_ERROR)
        return err_set(err, ERR_NOAUTH,
                       "the peer's certificate is not signed by the expected CA, out of date, or for another name");
    if (ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        return err_set(err, ERR_PROTO, "the peer refused: %s",
                       s->endpoint->server ? "TLS alert"
                                           : "TLS alert; is the certificate from this server's CA and in date?");
    return mbed_fail(err, ERR_PROTO, "TLS", ret);
}

/* Step by step, because the certificate message is the public sign of a full handshake: mbedTLS has no getter for
 * "resumed". */
static int shake(struct tls_session *s, struct err *err)
{
    while (s->ssl.MBED_FIELD(state) != MBEDTLS_SSL_HANDSHAKE_OVER) {
        if (s->ssl.MBED_FIELD(state) == MBEDTLS_SSL_SERVER_CERTIFICATE)
            s->full = true;
        int ret = mbedtls_ssl_handshake_step(&s->ssl);
        if (ret == MBEDTLS_ERR_SSL_WANT_READ)
            return 0;
        if (ret != 0) {
            s->state = TLS_CLOSED;
            return explain(s, ret, err);
        }
    }
    int rv = check_peer(s, err);
    if (rv != 0) {
        mbedtls_ssl_send_alert_message(&s->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
        s->state = TLS_CLOSED;
        return rv;
    }
    s->state = TLS_OPEN;
    return 0;
}

/* Is there room for one more decrypted byte? Reserves for a whole record where the maximum allows. */
static size_t make_room(struct buf *plain, size_t wanted)
{
    size_t left = plain->max == 0 ? wanted : plain->max - plain->len;
    size_t room = wanted < left ? wanted : left;
    return room > 0 && buf_reserve(plain, room) == 0 ? room : 0;
}

static int decrypt(struct tls_session *s, struct buf *plain, struct err *err)
{
    for (;;) {
        size_t ready = mbedtls_ssl_get_bytes_avail(&s->ssl);
        size_t room = 0;
        if (ready > 0 && (room = make_room(plain, ready)) == 0)
            return 0;
        if (ready == 0 && plain->max != 0 && plain->len >= plain->max)
            return 0;
        /* Without room this only takes the next record in, so that we learn how much there is. */
        unsigned char none[1];
        int ret = mbedtls_ssl_read(&s->ssl, room ? (unsigned char *)plain->data + plain->len : none, room);
        if (ret > 0)
            plain->len += (size_t)ret;
        if (ret >= 0) /* 0: the record is in, or it was an empty one */
            continue;
        if (ret == MBEDTLS_ERR_SSL_WANT_READ)
            return 0;
#if MBED_IS_3
        if (ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
            continue;
#endif
        s->state = TLS_CLOSED;
        return ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : explain(s, ret, err);
    }
}

int tls_session_input(struct tls_session *s, struct slice encrypted, struct buf *plain, struct err *err)
{
    if (s->state == TLS_CLOSED)
        return err_set(err, ERR_STATE, "the TLS session is closed");
    size_t kept = s->rest.len;
    if (kept > 0)
        buf_slice(&s->rest, encrypted);
    s->in = kept > 0 ? buf_view(&s->rest) : encrypted;

    int rv = s->state == TLS_HANDSHAKE ? shake(s, err) : 0;
    if (rv == 0 && s->state == TLS_OPEN && plain != NULL)
        rv = decrypt(s, plain, err);

    if (kept > 0)
        buf_consume(&s->rest, s->rest.len - s->in.len);
    else if (s->in.len > 0)
        buf_slice(&s->rest, s->in);
    s->in = (struct slice){0};
    return rv;
}

bool tls_session_pending(const struct tls_session *s)
{
    return s->state == TLS_OPEN && (s->rest.len > 0 || mbedtls_ssl_get_bytes_avail(&s->ssl) > 0);
}

int tls_session_write(struct tls_session *s, struct slice plain, struct err *err)
{
    if (s->state != TLS_OPEN)
        return err_set(err, ERR_STATE, "the TLS session is not open");
    /* A record adds 29 bytes; reserving once spares growing step by step. */
    buf_reserve(&s->out, plain.len + (plain.len / CHUNK_BYTES + 1) * 32);
    while (plain.len > 0) {
        int ret = mbedtls_ssl_write(&s->ssl, (const unsigned char *)plain.data, plain.len);
        if (ret <= 0) {
            s->state = TLS_CLOSED;
            return mbed_fail(err, ERR_STATE, "encrypt", ret);
        }
        plain.data += ret;
        plain.len -= (size_t)ret;
    }
    return 0;
}

void tls_session_close(struct tls_session *s)
{
    if (s->state == TLS_OPEN && !s->notified)
        s->notified = mbedtls_ssl_close_notify(&s->ssl) == 0;
    s->state = TLS_CLOSED;
}

struct buf *tls_session_output(struct tls_session *s)
{
    return &s->out;
}

enum tls_state tls_session_state(const struct tls_session *s)
{
    return s->state;
}

void tls_session_peer(const struct tls_session *s, struct tls_peer *peer)
{
    *peer = (struct tls_peer){0};
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&s->ssl);
    if (crt == NULL)
        return;
    peer->present = true;
    mbed_subject(crt, peer->name, sizeof peer->name);
    mbed_fingerprint(crt, peer->fingerprint);
}

const char *tls_session_version(const struct tls_session *s)
{
    return mbedtls_ssl_get_version(&s->ssl);
}

const char *tls_session_cipher(const struct tls_session *s)
{
    const char *name = mbedtls_ssl_get_ciphersuite(&s->ssl);
    return name != NULL ? name : "none";
}

bool tls_session_resumed(const struct tls_session *s)
{
    return s->state != TLS_HANDSHAKE && !s->full;
}

struct tls_ticket {
    mbedtls_ssl_session session;
};

struct tls_ticket *tls_session_ticket(const struct tls_session *s)
{
    struct tls_ticket *t = mem_zalloc(sizeof *t);
    mbedtls_ssl_session_init(&t->session);
    if (mbedtls_ssl_get_session(&s->ssl, &t->session) != 0 || t->session.MBED_FIELD(ticket_len) == 0) {
        tls_ticket_free(t);
        return NULL;
    }
    return t;
}

void tls_session_resume(struct tls_session *s, const struct tls_ticket *ticket)
{
    /* A ticket that does not fit is not an error: the handshake is then a full one. */
    (void)mbedtls_ssl_set_session(&s->ssl, &ticket->session);
}

void tls_ticket_free(struct tls_ticket *t)
{
    if (t == NULL)
        return;
    mbedtls_ssl_session_free(&t->session);
    free(t);
}
