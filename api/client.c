#include "client.h"
#include "tls/session.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The socket never blocks; waiting is poll(2) against a deadline. Words are queued as RESP in `queued`, encrypted when
 * they are sent; while the socket takes no more, replies are read on, or two full directions would wait for each
 * other. Decrypted bytes gather in `in`; a reply handed out stays there until the next read.
 */

#define REPLY_MAX_BYTES ((size_t)256 << 20)
#define CHUNK_BYTES 65536
#define DEFAULT_PORT 7878
#define DEFAULT_TIMEOUT_MS 30000

struct client {
    int fd;
    int timeout_ms;
    struct tls_endpoint *endpoint;
    struct tls_session *tls;
    struct buf queued; /* plain bytes not yet encrypted */
    struct buf in;     /* decrypted bytes */
    size_t taken;      /* of `in`: replies handed out; the caller may still look at the last one */
    struct buf hello;
    bool ended; /* the server said it sends no more */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for one of `events`. The events that came (> 0), or ERR_TIMEOUT, ERR_IO. */
static int wait_for(int fd, int events, int64_t deadline, const char *what, struct err *err)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    for (;;) {
        int64_t left = deadline - now_ms();
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return p.revents;
        if (n == 0)
            return err_set(err, ERR_TIMEOUT, "%s: no answer in time", what);
        if (errno != EINTR)
            return err_set(err, ERR_IO, "%s: %s", what, strerror(errno));
    }
}

static int finish_connect(int fd, int64_t deadline, const char *what, struct err *err)
{
    int failure = 0, events = wait_for(fd, POLLOUT, deadline, what, err);
    socklen_t len = sizeof failure;
    if (events < 0)
        return events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0)
        failure = errno;
    return failure == 0 ? 0 : err_set(err, ERR_IO, "%s: %s", what, strerror(failure));
}

static int dial_one(const struct addrinfo *a, int64_t deadline, const char *what, struct err *err)
{
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", what, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int rv = 0;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        rv = errno == EINPROGRESS ? finish_connect(fd, deadline, what, err)
                                  : err_set(err, ERR_IO, "%s: %s", what, strerror(errno));
    if (rv == 0)
        return fd;
    close(fd);
    return rv;
}

int client_dial(const char *host, int port, int timeout_ms, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    char service[12], what[300];
    snprintf(service, sizeof service, "%d", port);
    snprintf(what, sizeof what, "connect to %.255s port %d", host, port);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0)
        return err_set(err, ERR_IO, "%s: %s", what, gai_strerror(failed));
    int64_t deadline = now_ms() + timeout_ms;
    int rv = ERR_IO;
    for (const struct addrinfo *a = found; a != NULL && rv < 0; a = a->ai_next)
        rv = dial_one(a, deadline, what, err);
    freeaddrinfo(found);
    return rv;
}

static int ended(struct err *err)
{
    return err_rule(err, ERR_IO, "connection.closed", NULL, "the server closed the connection");
}

/* Send what the socket takes now. */
static int send_some(struct client *c, struct err *err)
{
    struct buf *out = tls_session_output(c->tls);
    while (out->len > 0) {
        ssize_t n = send(c->fd, out->data, out->len, MSG_NOSIGNAL);
        if (n > 0)
            buf_consume(out, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        else
            return errno == EPIPE || errno == ECONNRESET ? ended(err)
                                                         : err_set(err, ERR_IO, "send: %s", strerror(errno));
    }
    return 0;
}

/* Take in what has arrived, at most a few chunks so that one busy peer cannot keep us here. */
static int receive_some(struct client *c, struct err *err)
{
    char chunk[CHUNK_BYTES];
    for (int i = 0; i < 4 && !c->ended; i++) {
        ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n < 0 && errno != ECONNRESET)
            return err_set(err, ERR_IO, "receive: %s", strerror(errno));
        if (n <= 0) {
            c->ended = true;
            return 0;
        }
        int rv = tls_session_input(c->tls, (struct slice){chunk, (size_t)n}, &c->in, err);
        if (rv != 0)
            return rv;
        if (tls_session_state(c->tls) == TLS_CLOSED)
            c->ended = true;
        if (tls_session_pending(c->tls))
            return err_set(err, ERR_TOOBIG, "a reply is over %zu MiB", REPLY_MAX_BYTES >> 20);
        if ((size_t)n < sizeof chunk)
            return 0;
    }
    return 0;
}

/* Encrypt what is queued; during the handshake it stays where it is. */
static int encrypt(struct client *c, struct err *err)
{
    if (c->queued.len == 0 || tls_session_state(c->tls) != TLS_OPEN)
        return 0;
    int rv = tls_session_write(c->tls, buf_view(&c->queued), err);
    buf_clear(&c->queued);
    return rv;
}

static int shake(struct client *c, struct err *err)
{
    int64_t deadline = now_ms() + c->timeout_ms;
    int rv = tls_session_input(c->tls, (struct slice){0}, &c->in, err);
    while (rv == 0 && tls_session_state(c->tls) == TLS_HANDSHAKE) {
        int events = POLLIN | (client_wants_write(c) ? POLLOUT : 0);
        if ((rv = send_some(c, err)) != 0)
            break;
        if ((rv = wait_for(c->fd, events, deadline, "TLS handshake", err)) < 0)
            break;
        if ((rv = receive_some(c, err)) == 0 && c->ended)
            rv = ended(err);
    }
    if (rv < 0) { /* the alert tells the server why */
        struct err ignored = {0};
        send_some(c, &ignored);
        return rv;
    }
    return send_some(c, err);
}

static int greet(struct client *c, const struct client_options *o, struct err *err)
{
    struct slice words[7] = {SLICE("HELLO"), slice_of(o->proto == 2 ? "2" : "3")}, reply;
    int count = 2;
    if (o->user != NULL) {
        words[count++] = SLICE("AUTH");
        words[count++] = slice_of(o->user);
        words[count++] = slice_of(o->password);
    }
    if (o->name != NULL) {
        words[count++] = SLICE("SETNAME");
        words[count++] = slice_of(o->name);
    }
    int rv = client_call(c, words, count, &reply, err);
    /* Who shows neither certificate nor password may look in without signing in; the server says at each command
     * what it thinks. */
    if (rv == ERR_NOAUTH && o->user == NULL && o->cert == NULL)
        rv = 0;
    if (rv == 0)
        buf_slice(&c->hello, reply);
    return rv;
}

int client_open(const struct client_options *options, struct client **out, struct err *err)
{
    const char *host = options->host != NULL ? options->host : "127.0.0.1";
    struct tls_files files = {.ca = options->ca, .cert = options->cert, .key = options->key};
    struct client *c = mem_zalloc(sizeof *c);
    c->fd = -1;
    c->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    buf_init(&c->in, REPLY_MAX_BYTES);
    int rv = 0;
    if (options->ca == NULL)
        rv = err_set(err, ERR_ARG, "connecting needs the CA's certificate (ca)");
    else if ((options->cert == NULL) != (options->key == NULL))
        rv = err_set(err, ERR_ARG, "a client certificate needs its key, and a key its certificate");
    else
        rv = tls_client_new(&files, &c->endpoint, err);
    if (rv == 0)
        rv = c->fd = client_dial(host, options->port > 0 ? options->port : DEFAULT_PORT, c->timeout_ms, err);
    if (rv >= 0) {
        c->tls = tls_session_new(c->endpoint, host);
        rv = shake(c, err);
    }
    if (rv == 0)
        rv = greet(c, options, err);
    if (rv != 0) {
        client_close(c);
        return rv;
    }
    *out = c;
    return 0;
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    if (c->tls != NULL) {
        struct err ignored = {0};
        tls_session_close(c->tls);
        send_some(c, &ignored);
        tls_session_free(c->tls);
    }
    tls_endpoint_unref(c->endpoint);
    if (c->fd >= 0)
        close(c->fd);
    buf_close(&c->queued);
    buf_close(&c->in);
    buf_close(&c->hello);
    free(c);
}

int client_fd(const struct client *c)
{
    return c->fd;
}

struct slice client_hello(const struct client *c)
{
    return buf_view(&c->hello);
}

int client_queue(struct client *c, const struct slice *words, int count, struct err *err)
{
    if (count < 1)
        return err_set(err, ERR_ARG, "a command has at least its name");
    buf_fmt(&c->queued, "*%d\r\n", count);
    for (int i = 0; i < count; i++) {
        buf_fmt(&c->queued, "$%zu\r\n", words[i].len);
        buf_slice(&c->queued, words[i]);
        buf_append(&c->queued, "\r\n", 2);
    }
    return 0;
}

bool client_wants_write(const struct client *c)
{
    return c->queued.len > 0 || tls_session_output(c->tls)->len > 0;
}

int client_pump(struct client *c, struct err *err)
{
    int rv = encrypt(c, err);
    if (rv == 0)
        rv = send_some(c, err);
    if (rv == 0 && !c->ended)
        rv = receive_some(c, err);
    return rv;
}

int client_flush(struct client *c, struct err *err)
{
    int64_t deadline = now_ms() + c->timeout_ms;
    int rv = encrypt(c, err);
    while (rv == 0 && (rv = send_some(c, err)) == 0 && tls_session_output(c->tls)->len > 0) {
        if (c->ended)
            return ended(err);
        int events = wait_for(c->fd, POLLIN | POLLOUT, deadline, "send", err);
        if (events < 0)
            return events;
        if (events & (POLLIN | POLLHUP | POLLERR))
            rv = receive_some(c, err);
    }
    return rv;
}

int client_raw(struct client *c, struct slice bytes, struct err *err)
{
    buf_slice(&c->queued, bytes);
    return client_flush(c, err);
}

int client_half_close(struct client *c, struct err *err)
{
    int rv = client_flush(c, err);
    if (rv == 0 && shutdown(c->fd, SHUT_WR) != 0)
        rv = err_set(err, ERR_IO, "shutdown: %s", strerror(errno));
    return rv;
}

/* Drop what was handed out, but not at every small reply of a long pipeline: dropping moves what is behind it. */
static void drop_taken(struct client *c)
{
    if (c->taken == c->in.len)
        buf_clear(&c->in);
    else if (c->taken >= CHUNK_BYTES)
        buf_consume(&c->in, c->taken);
    else
        return;
    c->taken = 0;
}

int client_take(struct client *c, struct slice *reply, struct err *err)
{
    drop_taken(c);
    for (;;) {
        if (c->taken == c->in.len)
            return c->ended ? ended(err) : 0;
        struct slice rest = {c->in.data + c->taken, c->in.len - c->taken};
        long len = reader_measure(rest);
        if (len < 0)
            return err_set(err, (int)len, "the server's bytes are not RESP");
        if (len == 0)
            return c->ended ? ended(err) : 0;
        c->taken += (size_t)len;
        if (rest.data[0] == '>') /* a push: events are for programs that subscribe */
            continue;
        *reply = (struct slice){rest.data, (size_t)len};
        return 1;
    }
}

int client_read(struct client *c, struct slice *reply, struct err *err)
{
    int64_t deadline = now_ms() + c->timeout_ms;
    struct err sending = {0};
    int rv, sent = client_flush(c, &sending);
    if (sent != 0 && !c->ended) { /* the server may have said why before it closed: take that in first */
        receive_some(c, err);
        c->ended = true;
    }
    while ((rv = client_take(c, reply, err)) == 0)
        if ((rv = wait_for(c->fd, POLLIN, deadline, "read a reply", err)) < 0 || (rv = receive_some(c, err)) < 0)
            return rv;
    if (rv > 0)
        return 0;
    return sent != 0 ? err_rule(err, sent, sending.rule, NULL, "%s", sending.text) : rv;
}

int client_call(struct client *c, const struct slice *words, int count, struct slice *reply, struct err *err)
{
    int rv = client_queue(c, words, count, err);
    if (rv == 0)
        rv = client_read(c, reply, err);
    if (rv == 0 && reader_error(*reply, err))
        rv = err->code;
    return rv;
}
