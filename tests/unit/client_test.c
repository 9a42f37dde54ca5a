#include "pki.h"

#include "base/thread.h"
#include "client.h"
#include "tls/session.h"
#include "wire/render.h"
#include "wire/reply.h"
#include "wire/resp.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The other side is a server of our own parts: one thread, one connection after the other, made of tls_session and
 * resp_parse. What it answers is chosen by the command's name. */

static struct pki pki;
static struct tls_endpoint *endpoint;
static int listener, port;
static atomic_bool stopping;
static pthread_t thread;

struct serving {
    int fd;
    struct tls_session *tls;
    struct buf plain;
    bool over;
    char user[64]; /* "" until HELLO … AUTH */
};

static void answer(struct serving *s, const struct message *m)
{
    struct buf out = {0};
    struct reply r;
    struct err err = {0}, ignored;
    reply_begin(&r, &out, 1 << 26);
    if (slice_is(m->args[0], "HELLO")) {
        struct tls_peer peer;
        tls_session_peer(s->tls, &peer);
        bool wrong = m->nargs >= 5 && !slice_is(m->args[4], "right");
        if (wrong)
            err_set(&err, ERR_WRONGPASS, "no");
        reply_map_open(&r);
        reply_key_cstr(&r, "server", "test");
        reply_key_cstr(&r, "peer", peer.name);
        reply_key_int(&r, "words", m->nargs);
        reply_close(&r);
    } else if (slice_is(m->args[0], "echo")) {
        reply_text(&r, m->nargs > 1 ? m->args[1] : SLICE(""));
    } else if (slice_is(m->args[0], "fail")) {
        err_rule(&err, ERR_STATE, "test.rule", NULL, "as asked");
        reply_null(&r);
    } else if (slice_is(m->args[0], "big")) {
        char *text = mem_alloc(3000000);
        memset(text, 'x', 3000000);
        reply_text(&r, (struct slice){text, 3000000});
        free(text);
    } else if (slice_is(m->args[0], "push")) {
        buf_text(&out, ">2\r\n$5\r\nevent\r\n:1\r\n");
        reply_begin(&r, &out, 1 << 20);
        reply_int(&r, 7);
    } else if (slice_is(m->args[0], "garbage")) {
        tls_session_write(s->tls, SLICE("?what\r\n"), &ignored);
        s->over = true;
    } else {
        if (slice_is(m->args[0], "bye"))
            s->over = true;
        reply_status(&r, "OK");
    }
    if (slice_is(m->args[0], "silent"))
        buf_clear(&out);
    else if (err.code != 0) {
        reply_restart(&r);
        reply_error(&out, &err);
    } else {
        reply_finish(&r);
    }
    struct buf rendered = {0};
    if (out.len > 0 && out.data[0] == '>')
        buf_append(&rendered, out.data, out.len);
    else if (out.len > 0)
        render_resp3(buf_view(&out), &rendered);
    if (!slice_is(m->args[0], "garbage"))
        tls_session_write(s->tls, buf_view(&rendered), &ignored);
    buf_close(&rendered);
    buf_close(&out);
}

static void flush(struct serving *s)
{
    struct buf *out = tls_session_output(s->tls);
    while (out->len > 0) {
        ssize_t n = send(s->fd, out->data, out->len, MSG_NOSIGNAL);
        if (n <= 0) {
            s->over = true;
            return;
        }
        buf_consume(out, (size_t)n);
    }
}

static void serve_one(int fd)
{
    static const struct wire_limits limits = {65536, 8 << 20, 1024};
    struct serving s = {.fd = fd, .tls = tls_session_new(endpoint, NULL)};
    struct message m = {0};
    struct err err = {0};
    char chunk[65536];
    while (!s.over && !atomic_load(&stopping)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 50) == 0)
            continue;
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0)
            break;
        s.over = tls_session_input(s.tls, (struct slice){chunk, (size_t)n}, &s.plain, &err) != 0 ||
                 tls_session_state(s.tls) == TLS_CLOSED;
        for (long used; (used = resp_parse(buf_view(&s.plain), &limits, &m, &err)) > 0;) {
            if (m.nargs > 0)
                answer(&s, &m);
            buf_consume(&s.plain, (size_t)used);
        }
        flush(&s);
    }
    tls_session_close(s.tls);
    flush(&s);
    tls_session_free(s.tls);
    message_close(&m);
    buf_close(&s.plain);
    close(fd);
}

static void *serve(void *unused)
{
    (void)unused;
    while (!atomic_load(&stopping)) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        if (poll(&p, 1, 50) != 1)
            continue;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            serve_one(fd);
    }
    return NULL;
}

static int start(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    pki_open(&pki);
    endpoint = pki_server(&pki, NULL);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        return -1;
    port = ntohs(at.sin_port);
    return thread_start(&thread, "server", serve, NULL);
}

static int stop(void **state)
{
    (void)state;
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
    close(listener);
    tls_endpoint_unref(endpoint);
    pki_close(&pki);
    return 0;
}

struct paths {
    char ca[128], cert[128], key[128];
};

static struct client_options options(struct paths *p)
{
    return (struct client_options){
        .port = port,
        .ca = pki_path(&pki, "ca.pem", p->ca),
        .cert = pki_path(&pki, "alice.pem", p->cert),
        .key = pki_path(&pki, "alice.key", p->key),
        .timeout_ms = 5000,
    };
}

static struct client *open_client(void)
{
    struct paths paths;
    struct err err = {0};
    struct client *c = NULL;
    struct client_options o = options(&paths);
    if (client_open(&o, &c, &err) != 0)
        fail_msg("%s", err.text);
    return c;
}

static int call1(struct client *c, const char *command, const char *arg, struct slice *reply, struct err *err)
{
    struct slice words[] = {slice_of(command), slice_of(arg)};
    return client_call(c, words, arg != NULL ? 2 : 1, reply, err);
}

/* Connecting shakes hands, says HELLO 3 and shows the client's certificate; a call brings its reply. */
static void a_client_connects_and_calls(void **state)
{
    (void)state;
    struct err err = {0};
    struct slice reply;
    struct client *c = open_client();
    struct buf hello = {0};
    assert_int_equal(render_json(client_hello(c), &hello), 0);
    assert_string_equal(buf_cstr(&hello), "{\"server\":\"test\",\"peer\":\"alice\",\"words\":2}");
    assert_int_equal(call1(c, "echo", "hello", &reply, &err), 0);
    assert_true(slice_is(reply, "$5\r\nhello\r\n"));
    buf_close(&hello);
    client_close(c);
}

/* A password goes with HELLO; a wrong one is the server's refusal. */
static void a_password_goes_with_hello(void **state)
{
    (void)state;
    struct paths paths;
    struct err err = {0};
    struct client *c = NULL;
    struct client_options o = options(&paths);
    o.cert = o.key = NULL;
    o.user = "bob";
    o.password = "right";
    o.name = "me";
    assert_int_equal(client_open(&o, &c, &err), 0);
    struct buf hello = {0};
    assert_int_equal(render_json(client_hello(c), &hello), 0);
    assert_string_equal(buf_cstr(&hello), "{\"server\":\"test\",\"peer\":\"\",\"words\":7}");
    buf_close(&hello);
    client_close(c);
    c = NULL;
    o.password = "wrong";
    assert_int_equal(client_open(&o, &c, &err), ERR_WRONGPASS);
    assert_null(c);
}

/* An error reply is a code with its rule, and the connection stays. */
static void an_error_reply_keeps_the_connection(void **state)
{
    (void)state;
    struct err err = {0};
    struct slice reply;
    struct client *c = open_client();
    assert_int_equal(call1(c, "fail", NULL, &reply, &err), ERR_STATE);
    assert_string_equal(err.rule, "test.rule");
    assert_string_equal(err.text, "as asked");
    assert_int_equal(call1(c, "echo", "still here", &reply, &err), 0);
    client_close(c);
}

/* 5000 queued commands come back in order, although neither side's buffers hold them all. */
static void a_deep_pipeline_keeps_its_order(void **state)
{
    (void)state;
    struct err err = {0};
    struct slice reply;
    struct client *c = open_client();
    char text[600];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%0500d", i);
        struct slice words[] = {SLICE("echo"), slice_of(text)};
        assert_int_equal(client_queue(c, words, 2, &err), 0);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "$500\r\n%0500d\r\n", i);
        assert_int_equal(client_read(c, &reply, &err), 0);
        assert_true(slice_is(reply, text));
    }
    client_close(c);
}

/* A reply of 3 MB arrives whole. */
static void a_large_reply_arrives_whole(void **state)
{
    (void)state;
    struct err err = {0};
    struct slice reply;
    struct client *c = open_client();
    assert_int_equal(call1(c, "big", NULL, &reply, &err), 0);
    assert_int_equal(reply.len, 3000000 + strlen("$3000000\r\n\r\n"));
    client_close(c);
}

/* A push between replies is not mistaken for one. */
static void a_push_is_skipped(void **state)
{
    (void)state;
    struct err err = {0};
    struct slice reply;
    struct client *c = open_client();
    assert_int_equal(call1(c, "push", NULL, &reply, &err), 0);
    assert_true(slice_is(reply, ":7\r\n"));
    client_close(c);
}

/* Silence ends in TIMEOUT, a close in its own rule, other bytes than RESP in PROTO. */
static void failures_are_told_apart(void **state)
{
    (void)state;
    struct paths paths;
    struct err err = {0};
    struct slice reply;
    struct client *c = NULL;
    struct client_options o = options(&paths);
    o.timeout_ms = 300;
    assert_int_equal(client_open(&o, &c, &err), 0);
    assert_int_equal(call1(c, "silent", NULL, &reply, &err), ERR_TIMEOUT);
    client_close(c);

    c = open_client();
    assert_int_equal(call1(c, "bye", NULL, &reply, &err), 0);
    assert_int_equal(call1(c, "echo", "x", &reply, &err), ERR_IO);
    assert_string_equal(err.rule, "connection.closed");
    client_close(c);

    c = open_client();
    assert_int_equal(call1(c, "garbage", NULL, &reply, &err), ERR_PROTO);
    client_close(c);
}

/* Nobody listens, or the name is not in the certificate: no connection, and the reason is told. */
static void a_wrong_server_is_refused(void **state)
{
    (void)state;
    struct paths paths;
    struct err err = {0};
    struct client *c = NULL;
    struct client_options o = options(&paths);
    o.host = "127.0.0.2"; /* answers on this machine, but is not in the certificate */
    int rv = client_open(&o, &c, &err);
    assert_true(rv == ERR_NOAUTH || rv == ERR_IO);
    o.host = "127.0.0.1";
    o.port = 1;
    assert_int_equal(client_open(&o, &c, &err), ERR_IO);
    assert_non_null(strstr(err.text, "port 1"));
    assert_null(c);
}

/* Without waiting: nothing at first, then the reply. */
static void pumping_never_waits(void **state)
{
    (void)state;
    struct err err = {0};
    struct slice reply, words[] = {SLICE("echo"), SLICE("x")};
    struct client *c = open_client();
    assert_int_equal(client_take(c, &reply, &err), 0);
    assert_int_equal(client_queue(c, words, 2, &err), 0);
    assert_true(client_wants_write(c));
    int got = 0;
    for (int i = 0; i < 100 && got == 0; i++) {
        struct pollfd p = {.fd = client_fd(c), .events = POLLIN};
        assert_int_equal(client_pump(c, &err), 0);
        if ((got = client_take(c, &reply, &err)) == 0)
            poll(&p, 1, 50);
    }
    assert_int_equal(got, 1);
    assert_true(slice_is(reply, "$1\r\nx\r\n"));
    assert_false(client_wants_write(c));
    client_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_connects_and_calls),
        cmocka_unit_test(a_password_goes_with_hello),
        cmocka_unit_test(an_error_reply_keeps_the_connection),
        cmocka_unit_test(a_deep_pipeline_keeps_its_order),
        cmocka_unit_test(a_large_reply_arrives_whole),
        cmocka_unit_test(a_push_is_skipped),
        cmocka_unit_test(failures_are_told_apart),
        cmocka_unit_test(a_wrong_server_is_refused),
        cmocka_unit_test(pumping_never_waits),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
