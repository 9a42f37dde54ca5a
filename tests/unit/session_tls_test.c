#include "pki.h"

#include "tls/mbed.h"
#include "tls/random.h"
#include "tls/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct pki pki, stranger;
static struct tls_endpoint *server_side, *client_side;

static int open_all(void **state)
{
    (void)state;
    pki_open(&pki);
    pki_open(&stranger);
    pki_issue(&pki, "late", NULL, -1);
    server_side = pki_server(&pki, NULL);
    client_side = pki_client(&pki, &pki, "alice");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    tls_endpoint_unref(server_side);
    tls_endpoint_unref(client_side);
    pki_close(&pki);
    pki_close(&stranger);
    return 0;
}

struct pair {
    struct tls_session *server, *client;
    struct buf to_server, to_client; /* decrypted */
    struct err server_err, client_err;
    int server_rv, client_rv;
};

static void pair_open(struct pair *p, struct tls_endpoint *server, struct tls_endpoint *client, const char *host)
{
    *p = (struct pair){.server = tls_session_new(server, NULL), .client = tls_session_new(client, host)};
}

static void pair_close(struct pair *p)
{
    tls_session_free(p->server);
    tls_session_free(p->client);
    buf_close(&p->to_server);
    buf_close(&p->to_client);
}

/* Carry at most `step` bytes from one to the other. */
static int carry(struct tls_session *from, struct tls_session *to, struct buf *plain, size_t step, struct err *err)
{
    struct buf *out = tls_session_output(from);
    size_t len = out->len < step ? out->len : step;
    int rv = tls_session_input(to, (struct slice){out->data, len}, plain, err);
    buf_consume(out, len);
    return rv;
}

/* Move bytes both ways until nothing moves, at most `step` at a time. */
static void pair_run(struct pair *p, size_t step)
{
    if (tls_session_state(p->client) == TLS_HANDSHAKE)
        p->client_rv = tls_session_input(p->client, (struct slice){0}, &p->to_client, &p->client_err);
    for (int moved = 1; moved;) {
        moved = 0;
        if (tls_session_output(p->client)->len > 0 && tls_session_state(p->server) != TLS_CLOSED) {
            int rv = carry(p->client, p->server, &p->to_server, step, &p->server_err);
            p->server_rv = p->server_rv ? p->server_rv : rv;
            moved = 1;
        }
        if (tls_session_output(p->server)->len > 0 && tls_session_state(p->client) != TLS_CLOSED) {
            int rv = carry(p->server, p->client, &p->to_client, step, &p->client_err);
            p->client_rv = p->client_rv ? p->client_rv : rv;
            moved = 1;
        }
    }
}

static void assert_open(struct pair *p)
{
    if (p->server_rv != 0 || p->client_rv != 0)
        fail_msg("server: %s; client: %s", p->server_err.text, p->client_err.text);
    assert_int_equal(tls_session_state(p->server), TLS_OPEN);
    assert_int_equal(tls_session_state(p->client), TLS_OPEN);
}

static void assert_peer(const struct tls_session *s, const char *file_name)
{
    char path[128], file[64], text[4096];
    struct cert_info info;
    struct err err = {0};
    struct tls_peer peer;
    snprintf(file, sizeof file, "%s.pem", file_name);
    FILE *f = fopen(pki_path(&pki, file, path), "r");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_int_equal(cert_read((struct slice){text, len}, &info, &err), 0);
    tls_session_peer(s, &peer);
    assert_true(peer.present);
    assert_string_equal(peer.name, file_name);
    assert_string_equal(peer.fingerprint, info.fingerprint);
}

/* A handshake fed byte by byte ends open, with the strongest common ground and both peers known. */
static void a_handshake_survives_single_bytes(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, server_side, client_side, "localhost");
    pair_run(&p, 1);
    assert_open(&p);
#if MBED_IS_3
    assert_string_equal(tls_session_version(p.server), "TLSv1.3");
    assert_string_equal(tls_session_cipher(p.server), "TLS1-3-AES-128-GCM-SHA256");
#else
    assert_string_equal(tls_session_version(p.server), "TLSv1.2");
    assert_string_equal(tls_session_cipher(p.server), "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256");
#endif
    assert_false(tls_session_resumed(p.server));
    assert_false(tls_session_resumed(p.client));
    assert_peer(p.server, "alice");
    assert_peer(p.client, "server");
    pair_close(&p);
}

/* 100 000 bytes go both ways unchanged, in records that cost less than 1 in 200. */
static void large_writes_arrive_whole(void **state)
{
    (void)state;
    enum { LEN = 100000 };
    struct pair p;
    struct err err = {0};
    char *sent = malloc(LEN);
    random_bytes(sent, LEN);
    pair_open(&p, server_side, client_side, "localhost");
    pair_run(&p, 4096);
    assert_open(&p);
    assert_int_equal(tls_session_write(p.client, (struct slice){sent, LEN}, &err), 0);
    assert_int_equal(tls_session_write(p.server, (struct slice){sent, LEN}, &err), 0);
    assert_true(tls_session_output(p.client)->len < LEN + LEN / 200);
    pair_run(&p, 1000);
    assert_int_equal(p.to_server.len, LEN);
    assert_int_equal(p.to_client.len, LEN);
    assert_memory_equal(p.to_server.data, sent, LEN);
    assert_memory_equal(p.to_client.data, sent, LEN);
    free(sent);
    pair_close(&p);
}

/* A full `plain` stops decrypting without losing a byte; pending says that there is more. */
static void a_full_buffer_stops_and_goes_on(void **state)
{
    (void)state;
    enum { LEN = 50000, ROOM = 700 };
    struct pair p;
    struct err err = {0};
    struct buf got = {0};
    char *sent = malloc(LEN);
    random_bytes(sent, LEN);
    pair_open(&p, server_side, client_side, "localhost");
    pair_run(&p, 4096);
    assert_open(&p);
    p.to_server.max = ROOM;
    assert_int_equal(tls_session_write(p.client, (struct slice){sent, LEN}, &err), 0);
    assert_int_equal(carry(p.client, p.server, &p.to_server, LEN * 2, &err), 0);
    assert_int_equal(p.to_server.len, ROOM);
    assert_true(tls_session_pending(p.server));
    for (int i = 0; i < 1000 && p.to_server.len > 0; i++) {
        buf_append(&got, p.to_server.data, p.to_server.len);
        buf_clear(&p.to_server);
        assert_int_equal(tls_session_input(p.server, (struct slice){0}, &p.to_server, &err), 0);
        assert_true(p.to_server.len <= ROOM);
    }
    assert_false(tls_session_pending(p.server));
    assert_int_equal(got.len, LEN);
    assert_memory_equal(got.data, sent, LEN);
    buf_close(&got);
    free(sent);
    pair_close(&p);
}

/* A client without certificate is let in, and is nobody. */
static void a_client_without_certificate_is_nobody(void **state)
{
    (void)state;
    struct pair p;
    struct tls_peer peer;
    struct tls_endpoint *anonymous = pki_client(&pki, NULL, NULL);
    pair_open(&p, server_side, anonymous, "127.0.0.1");
    pair_run(&p, 4096);
    assert_open(&p);
    tls_session_peer(p.server, &peer);
    assert_false(peer.present);
    assert_string_equal(peer.name, "");
    pair_close(&p);
    tls_endpoint_unref(anonymous);
}

static void expect_server_refuses(const struct pki *own, const char *name)
{
    struct pair p;
    struct tls_endpoint *client = pki_client(&pki, own, name);
    pair_open(&p, server_side, client, "localhost");
    pair_run(&p, 4096);
    assert_int_equal(p.server_rv, ERR_NOAUTH);
    assert_int_equal(tls_session_state(p.server), TLS_CLOSED);
    assert_int_not_equal(tls_session_state(p.client), TLS_OPEN); /* the alert went out */
    pair_close(&p);
    tls_endpoint_unref(client);
}

/* A certificate is optional, but a bad one is refused: signed by another CA. */
static void a_certificate_of_a_stranger_is_refused(void **state)
{
    (void)state;
    expect_server_refuses(&stranger, "alice");
}

/* … or out of date. */
static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    expect_server_refuses(&pki, "late");
}

/* … or made for servers. */
static void a_server_certificate_is_no_client_certificate(void **state)
{
    (void)state;
    expect_server_refuses(&pki, "server");
}

static void expect_client_refuses(struct tls_endpoint *client, const char *host)
{
    struct pair p;
    pair_open(&p, server_side, client, host);
    pair_run(&p, 4096);
    assert_int_equal(p.client_rv, ERR_NOAUTH);
    assert_int_equal(tls_session_state(p.client), TLS_CLOSED);
    pair_close(&p);
}

/* The server's certificate must carry the name or address the client asked for, and the client's CA must have
 * signed it. */
static void the_client_checks_name_address_and_ca(void **state)
{
    (void)state;
    struct tls_endpoint *other = pki_client(&stranger, NULL, NULL);
    expect_client_refuses(client_side, "example.org");
    expect_client_refuses(client_side, "127.0.0.2");
    expect_client_refuses(client_side, "::2");
    expect_client_refuses(other, "localhost");
    tls_endpoint_unref(other);

    static const char *const good[] = {"localhost", "muster.test", "127.0.0.1", "::1"};
    for (int i = 0; i < 4; i++) {
        struct pair p;
        pair_open(&p, server_side, client_side, good[i]);
        pair_run(&p, 4096);
        assert_open(&p);
        pair_close(&p);
    }
}

#if !MBED_IS_3
static void connect_with_ticket(struct tls_endpoint *server, const struct tls_ticket *ticket, bool resumed)
{
    struct pair p;
    struct err err = {0};
    pair_open(&p, server, client_side, "127.0.0.1");
    tls_session_resume(p.client, ticket);
    pair_run(&p, 7);
    assert_open(&p);
    assert_int_equal(tls_session_resumed(p.server), resumed);
    assert_int_equal(tls_session_resumed(p.client), resumed);
    assert_peer(p.server, "alice");
    assert_peer(p.client, "server");
    assert_int_equal(tls_session_write(p.client, SLICE("hello"), &err), 0);
    pair_run(&p, 7);
    assert_int_equal(p.to_server.len, 5);
    pair_close(&p);
}

static struct tls_ticket *fetch_ticket(void)
{
    struct pair p;
    pair_open(&p, server_side, client_side, "127.0.0.1");
    pair_run(&p, 4096);
    assert_open(&p);
    struct tls_ticket *ticket = tls_session_ticket(p.client);
    assert_non_null(ticket);
    pair_close(&p);
    return ticket;
}

/* A ticket brings the client's identity back, also after the certificates were reloaded. */
static void a_resumed_session_knows_its_peer(void **state)
{
    (void)state;
    struct tls_ticket *ticket = fetch_ticket();
    struct tls_endpoint *reloaded = pki_server(&pki, server_side);
    connect_with_ticket(server_side, ticket, true);
    connect_with_ticket(server_side, ticket, true);
    connect_with_ticket(reloaded, ticket, true);
    tls_endpoint_unref(reloaded);
    tls_ticket_free(ticket);
}

/* A server that starts anew, or reloads another CA, does not know the ticket: a full handshake follows. */
static void a_foreign_ticket_means_a_full_handshake(void **state)
{
    (void)state;
    struct tls_ticket *ticket = fetch_ticket();
    struct tls_endpoint *fresh = pki_server(&pki, NULL);
    struct tls_endpoint *elsewhere = pki_server(&stranger, NULL);
    struct tls_endpoint *changed = pki_server(&pki, elsewhere);
    connect_with_ticket(fresh, ticket, false);
    connect_with_ticket(changed, ticket, false);
    tls_endpoint_unref(fresh);
    tls_endpoint_unref(elsewhere);
    tls_endpoint_unref(changed);
    tls_ticket_free(ticket);
}
#endif

/* close_notify ends the other side without an error; writing is over then. */
static void a_clean_close_is_no_error(void **state)
{
    (void)state;
    struct pair p;
    struct err err = {0};
    pair_open(&p, server_side, client_side, "localhost");
    pair_run(&p, 4096);
    assert_open(&p);
    assert_int_equal(tls_session_write(p.client, SLICE("bye"), &err), 0);
    tls_session_close(p.client);
    assert_int_equal(carry(p.client, p.server, &p.to_server, 4096, &err), 0);
    assert_int_equal(tls_session_state(p.server), TLS_CLOSED);
    assert_int_equal(p.to_server.len, 3);
    assert_int_equal(tls_session_write(p.server, SLICE("x"), &err), ERR_STATE);
    assert_int_equal(tls_session_write(p.client, SLICE("x"), &err), ERR_STATE);
    pair_close(&p);
}

/* Bytes that are not TLS, and a record changed on its way, end the session. */
static void bad_bytes_end_the_session(void **state)
{
    (void)state;
    struct pair p;
    struct err err = {0};
    pair_open(&p, server_side, client_side, "localhost");
    assert_int_equal(tls_session_input(p.server, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), &p.to_server, &err),
                     ERR_PROTO);
    assert_int_equal(tls_session_state(p.server), TLS_CLOSED);
    assert_int_equal(tls_session_input(p.server, SLICE("x"), &p.to_server, &err), ERR_STATE);
    pair_close(&p);

    pair_open(&p, server_side, client_side, "localhost");
    pair_run(&p, 4096);
    assert_open(&p);
    assert_int_equal(tls_session_write(p.client, SLICE("hello"), &err), 0);
    struct buf *out = tls_session_output(p.client);
    out->data[out->len - 1] ^= 1;
    assert_int_equal(carry(p.client, p.server, &p.to_server, 4096, &err), ERR_PROTO);
    assert_int_equal(p.to_server.len, 0);
    assert_int_equal(tls_session_state(p.server), TLS_CLOSED);
    pair_close(&p);
}

/* A client of mbedTLS itself, for what tls_client_new never does. */
static int odd_client(const char *const *alpn, const int *suites, struct err *server_err)
{
    mbedtls_ssl_config conf;
    mbedtls_ssl_config_init(&conf);
    assert_int_equal(mbed_start(server_err), 0);
    assert_int_equal(mbedtls_ssl_config_defaults(&conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&conf, mbed_random, NULL);
    mbedtls_ssl_conf_authmode(&conf, MBEDTLS_SSL_VERIFY_NONE);
    if (suites != NULL) {
        mbedtls_ssl_conf_ciphersuites(&conf, suites);
#if MBED_IS_3
        mbedtls_ssl_conf_max_tls_version(&conf, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
    }
    if (alpn != NULL)
        assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&conf, (const char **)(uintptr_t)alpn), 0);
    /* Borrow an endpoint's place: a session only looks at its configuration. */
    struct tls_endpoint *e = pki_client(&pki, NULL, NULL);
    mbedtls_ssl_config kept = e->conf;
    e->conf = conf;
    struct pair p;
    pair_open(&p, server_side, e, NULL);
    pair_run(&p, 4096);
    int rv = p.server_rv;
    *server_err = p.server_err;
    if (rv == 0)
        assert_int_equal(tls_session_state(p.server), TLS_OPEN);
    pair_close(&p);
    conf = e->conf;
    e->conf = kept;
    mbedtls_ssl_config_free(&conf);
    tls_endpoint_unref(e);
    return rv;
}

/* ALPN: a browser's offer ends the handshake, ours among others and none at all go through. */
static void a_foreign_alpn_offer_is_refused(void **state)
{
    (void)state;
    static const char *const browser[] = {"h2", "http/1.1", NULL};
    static const char *const mixed[] = {"h2", "muster-resp/1", NULL};
    struct err err = {0};
    assert_int_equal(odd_client(browser, NULL, &err), ERR_PROTO);
    assert_int_equal(odd_client(mixed, NULL, &err), 0);
    assert_int_equal(odd_client(NULL, NULL, &err), 0);
}

/* Only authenticated encryption with a fresh key exchange: CBC and others are not spoken. */
static void a_weak_suite_is_refused(void **state)
{
    (void)state;
    static const int cbc[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0};
    static const int second[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0};
    struct err err = {0};
    assert_int_equal(odd_client(NULL, cbc, &err), ERR_PROTO);
    assert_int_equal(odd_client(NULL, second, &err), 0);
}

/* A missing file, a file that is no certificate, and a key of somebody else name what is wrong. */
static void bad_files_are_named(void **state)
{
    (void)state;
    char ca[128], cert[128], key[128], none[128];
    struct tls_endpoint *e = NULL;
    struct err err = {0};
    pki_path(&pki, "ca.pem", ca);
    pki_path(&pki, "server.pem", cert);
    pki_path(&pki, "alice.key", key);
    pki_path(&pki, "none.pem", none);
    assert_int_equal(tls_server_new(&(struct tls_files){none, cert, key}, NULL, &e, &err), ERR_IO);
    assert_non_null(strstr(err.text, "none.pem"));
    assert_int_equal(tls_server_new(&(struct tls_files){ca, key, key}, NULL, &e, &err), ERR_ARG);
    assert_non_null(strstr(err.text, "alice.key"));
    assert_int_equal(tls_server_new(&(struct tls_files){ca, cert, key}, NULL, &e, &err), ERR_ARG);
    assert_non_null(strstr(err.text, "does not belong"));
    assert_null(e);
}

/* The endpoint knows when its certificate ends. */
static void the_endpoint_knows_its_end(void **state)
{
    (void)state;
    struct tls_endpoint *anonymous = pki_client(&pki, NULL, NULL);
    int64_t days = (tls_endpoint_expires_ms(server_side) / 1000 - (int64_t)time(NULL) + 60) / 86400;
    assert_int_equal(days, 30);
    assert_int_equal(tls_endpoint_expires_ms(anonymous), 0);
    tls_endpoint_unref(anonymous);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_survives_single_bytes),
        cmocka_unit_test(large_writes_arrive_whole),
        cmocka_unit_test(a_full_buffer_stops_and_goes_on),
        cmocka_unit_test(a_client_without_certificate_is_nobody),
        cmocka_unit_test(a_certificate_of_a_stranger_is_refused),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(a_server_certificate_is_no_client_certificate),
        cmocka_unit_test(the_client_checks_name_address_and_ca),
#if !MBED_IS_3
        cmocka_unit_test(a_resumed_session_knows_its_peer),
        cmocka_unit_test(a_foreign_ticket_means_a_full_handshake),
#endif
        cmocka_unit_test(a_clean_close_is_no_error),
        cmocka_unit_test(bad_bytes_end_the_session),
        cmocka_unit_test(a_foreign_alpn_offer_is_refused),
        cmocka_unit_test(a_weak_suite_is_refused),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(the_endpoint_knows_its_end),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
