/* For tests: a whole server on its own thread, in a temporary folder, and bare TLS clients that send what they like. */
#ifndef MUSTER_TESTS_SERVER_H
#define MUSTER_TESTS_SERVER_H

#include "access/setup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "net/server.h"
#include "ops/commands.h"
#include "pki.h"
#include "tls/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { HOUSE_READY_MS = 20000 };

enum { HOUSE_DRAIN, HOUSE_RELOAD };

struct house {
    struct pki pki;
    char db[128], plugins[128], lib[256], ca[128], cert[128], key[128];
    struct server_options options;
    struct registry *registry;
    struct tls_endpoint *alice, *stranger; /* the administrator, and somebody without certificate */
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t order;
    struct server *server;
    struct err err;
    int started; /* what server_start returned */
    /* Atomic: the loop is told through uv_async_send, and ThreadSanitizer does not see into that. */
    _Atomic int wanted;
    int reloaded;
    struct gate ready, done;
};

static inline void house_write(const char *dir, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static inline void house_plugin(struct house *h)
{
    char dir[200];
    pki_path(&h->pki, "plugins", h->plugins);
    snprintf(dir, sizeof(dir), "%s/probe", h->plugins);
    if (mkdir(h->plugins, 0700) != 0 || mkdir(dir, 0700) != 0)
        abort();
    house_write(dir, "manifest.lua",
                "return { name = \"probe\", version = \"1.0.0\", api = 1, summary = \"Probe.\", requires = {} }\n");
    house_write(
        dir, "init.lua",
        "return { commands = {\n"
        "  [\"probe.say\"] = { mode = \"read\", args = { \"text:text\" }, returns = \"text\", summary = \"Say.\",\n"
        "    run = function(_, text) return text end },\n"
        "  [\"probe.long\"] = { mode = \"read\", args = { \"bytes:int\" }, returns = \"text\", summary = \"Long.\",\n"
        "    run = function(_, bytes) return (\"x\"):rep(bytes) end },\n"
        "  [\"probe.spin\"] = { mode = \"read\", args = { \"times:int\" }, returns = \"nil\", summary = \"Spin.\",\n"
        "    run = function(_, times) for _ = 1, times do end end },\n"
        "  [\"probe.put\"] = { mode = \"write\", args = { \"text:text\" }, returns = \"text\", summary = \"Put.\",\n"
        "    run = function(_, text) return text end },\n"
        "} }\n");
}

/* Everything but the server; its options may still be changed. */
static inline void house_build(struct house *h)
{
    struct err err = {0};
    struct cert_info info;
    memset(h, 0, sizeof(*h));
    pki_open(&h->pki);
    h->alice = pki_client(&h->pki, &h->pki, "alice");
    h->stranger = pki_client(&h->pki, &h->pki, NULL);
    house_plugin(h);
    struct buf pem = {0};
    char path[128], line[4096];
    FILE *f = fopen(pki_path(&h->pki, "alice.pem", path), "r");
    while (f && fgets(line, sizeof(line), f))
        buf_text(&pem, line);
    fclose(f);
    pki_must(cert_read(buf_view(&pem), &info, &err), &err);
    buf_close(&pem);
    pki_must(setup_administrator(pki_path(&h->pki, "muster.db", h->db), "admin", info.fingerprint, &err), &err);
    snprintf(h->lib, sizeof(h->lib), "%s/api/lib", MUSTER_SHARE_DIR);
    const struct registry_sources sources = {.plugins_dir = h->plugins, .lib_dir = h->lib, .host = host_commands};
    pki_must(registry_load(&sources, 1, &h->registry, &err), &err);
    h->options = (struct server_options){
        .host = "127.0.0.1",
        .tls = {pki_path(&h->pki, "ca.pem", h->ca), pki_path(&h->pki, "server.pem", h->cert),
                pki_path(&h->pki, "server.key", h->key)},
        .registry = h->registry,
        .lanes = {.db_path = h->db},
        .lines = LINES_LOCAL,
        .version = "test",
    };
}

static inline void house_order(uv_async_t *async)
{
    struct house *h = async->data;
    if (h->wanted == HOUSE_RELOAD) {
        h->reloaded = server_reload(h->server, &h->options.tls, &h->options.limits, &h->err);
        gate_open(&h->done, h->reloaded);
    } else {
        uv_close((uv_handle_t *)&h->order, NULL);
        server_drain(h->server);
    }
}

static inline void *house_main(void *arg)
{
    struct house *h = arg;
    uv_loop_init(&h->loop);
    h->started = server_start(&h->loop, &h->options, &h->server, &h->err);
    if (h->started == 0) {
        h->order.data = h;
        uv_async_init(&h->loop, &h->order, house_order);
    }
    gate_open(&h->ready, h->started);
    if (h->started == 0) {
        uv_run(&h->loop, UV_RUN_DEFAULT);
        server_free(h->server);
    }
    if (uv_loop_close(&h->loop) != 0)
        abort(); /* a handle was left open */
    return NULL;
}

/* 0, or why the server did not start. */
static inline int house_start(struct house *h)
{
    h->ready = h->done = (struct gate)GATE_INIT;
    if (thread_start(&h->thread, "server", house_main, h) != 0)
        abort();
    return gate_wait(&h->ready);
}

static inline int house_reload(struct house *h)
{
    h->done = (struct gate)GATE_INIT;
    h->wanted = HOUSE_RELOAD;
    uv_async_send(&h->order);
    return gate_wait(&h->done);
}

/* Ask for the drain; house_end waits for it. */
static inline void house_drain(struct house *h)
{
    h->wanted = HOUSE_DRAIN;
    uv_async_send(&h->order);
}

static inline void house_end(struct house *h)
{
    pthread_join(h->thread, NULL);
    registry_unref(h->registry);
    tls_endpoint_unref(h->alice);
    tls_endpoint_unref(h->stranger);
    pki_close(&h->pki);
}

/* -- a bare client -- */

struct peer {
    int fd;
    struct tls_session *tls;
    struct buf plain; /* what came and was not yet looked at */
};

static inline int peer_dial(const struct house *h)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)server_port(h->server)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        abort();
    return fd;
}

/* Send what the session wants sent. False: the socket took nothing for so long, or is broken. */
static inline bool peer_flush(struct peer *p, int timeout_ms)
{
    struct buf *out = tls_session_output(p->tls);
    while (out->len > 0) {
        struct pollfd fd = {.fd = p->fd, .events = POLLOUT};
        if (poll(&fd, 1, timeout_ms) <= 0)
            return false;
        ssize_t n = send(p->fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        buf_consume(out, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* Take in what comes within `timeout_ms`. 1: something, 0: nothing, -1: the server has closed. */
static inline int peer_take(struct peer *p, int timeout_ms)
{
    char chunk[16384];
    struct pollfd fd = {.fd = p->fd, .events = POLLIN};
    struct err err = {0};
    if (poll(&fd, 1, timeout_ms) <= 0)
        return 0;
    ssize_t n = recv(p->fd, chunk, sizeof(chunk), 0);
    if (n <= 0 || tls_session_input(p->tls, (struct slice){chunk, (size_t)n}, &p->plain, &err) != 0)
        return -1;
    return tls_session_state(p->tls) == TLS_CLOSED ? -1 : 1;
}

static inline struct peer peer_open(const struct house *h, struct tls_endpoint *as)
{
    struct peer p = {.fd = peer_dial(h), .tls = tls_session_new(as, "127.0.0.1")};
    struct err err = {0};
    tls_session_input(p.tls, (struct slice){0}, &p.plain, &err);
    while (tls_session_state(p.tls) == TLS_HANDSHAKE && peer_flush(&p, 5000) && peer_take(&p, 10000) > 0)
        ;
    peer_flush(&p, 5000);
    return p;
}

static inline void peer_close(struct peer *p)
{
    close(p->fd);
    tls_session_free(p->tls);
    buf_close(&p->plain);
}

static inline bool peer_send(struct peer *p, struct slice bytes, int timeout_ms)
{
    return tls_session_write(p->tls, bytes, NULL) == 0 && peer_flush(p, timeout_ms);
}

static inline bool peer_say(struct peer *p, const char *text)
{
    return peer_send(p, slice_of(text), 5000);
}

/* Wait until `text` has come, and forget everything up to its end. */
static inline bool peer_expect(struct peer *p, const char *text)
{
    uint64_t until = clock_mono_ns() + 10000000000u;
    for (;;) {
        void *at = p->plain.len ? memmem(p->plain.data, p->plain.len, text, strlen(text)) : NULL;
        if (at) {
            buf_consume(&p->plain, (size_t)((char *)at - p->plain.data) + strlen(text));
            return true;
        }
        int rv = clock_mono_ns() < until ? peer_take(p, 1000) : -1;
        if (rv < 0 && (p->plain.len == 0 || !memmem(p->plain.data, p->plain.len, text, strlen(text)))) {
            fprintf(stderr, "expected %s, got %.*s\n", text, (int)p->plain.len, p->plain.len ? p->plain.data : "");
            return false;
        }
    }
}

/* ms until the server closes, or -1 if it does not within `most_ms`. What comes meanwhile is kept in plain. */
static inline int peer_closed_after(struct peer *p, int most_ms)
{
    uint64_t began = clock_mono_ns();
    for (;;) {
        int passed = (int)((clock_mono_ns() - began) / 1000000);
        if (passed > most_ms)
            return -1;
        if (peer_take(p, most_ms - passed + 1) < 0)
            return (int)((clock_mono_ns() - began) / 1000000);
    }
}

#endif
