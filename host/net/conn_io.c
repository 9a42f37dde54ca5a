#include "net/conn.h"

#include "base/log.h"
#include "net/feed.h"
#include "work/words.h"

#include <string.h>

/* Bytes of one connection. In: one shared read buffer, decrypted at once into `in`. Out: replies gather in `out`; at the end of a
 * callback a slice is encrypted (so that one long reply cannot stall the loop), and written with one system call. What the
 * kernel does not take waits in `sending`, and nothing more is encrypted until it is gone: the output of a client that
 * does not read is held once, and counted against the limits. */

enum { FLUSH_BYTES = 64 * 1024, KEPT_BYTES = 32 * 1024, RAW_WAIT_BYTES = 16 * 1024 };

static bool wants_bytes(const struct conn *c)
{
    const struct server_limits *limits = &c->server->limits;
    if (c->eof)
        return false;
    switch (c->state) {
    case CONN_HANDSHAKE:
        return c->raw.len < RAW_WAIT_BYTES;
    case CONN_NEW:
    case CONN_READY:
        /* Backpressure: while a run is away, as much as the next run may take. */
        return !tls_session_pending(c->tls) &&
               (!(c->away || c->held || c->full) || c->in.len - c->in_at < limits->run_bytes);
    case CONN_LINGER:
        return true;
    default:
        return false;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->server->read, READ_BYTES);
}

static void take(struct conn *c, const char *data, size_t len)
{
    struct server *s = c->server;
    s->stats.bytes_in += (int64_t)len;
    if (c->state == CONN_HANDSHAKE)
        handshake_input(c, data, len);
    else if (c->state < CONN_FINISHING)
        conn_input(c, (struct slice){data, len});
    conn_read(c);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    struct server *s = c->server;
    if (nread == 0)
        return;
    if (nread > 0) {
        take(c, buf->base, (size_t)nread);
    } else if (nread != UV_EOF || c->state == CONN_HANDSHAKE || c->state == CONN_LINGER) {
        conn_close(c);
    } else {
        /* Half-closed: what has come is still answered. */
        c->eof = true;
        conn_go_on(c);
    }
    server_flush(s);
}

void conn_read(struct conn *c)
{
    bool wanted = wants_bytes(c);
    if (wanted == c->reading || c->state == CONN_CLOSING)
        return;
    c->reading = wanted;
    if (!wanted)
        uv_read_stop((uv_stream_t *)&c->tcp);
    else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
        conn_close(c);
}

/* Room for the largest message that the limits of the present state allow, headers included. */
static size_t in_max(const struct conn *c)
{
    const struct wire_limits *w = &c->server->wire[c->state == CONN_READY];
    return w->message_bytes + (size_t)w->args * 32 + w->line_bytes + READ_BYTES / 4;
}

/* Drop what is parsed when that costs little, or when its room is needed. */
static void compact(struct conn *c)
{
    if (c->in_at == c->in.len) {
        if (c->in.cap > KEPT_BYTES)
            buf_close(&c->in);
        buf_clear(&c->in);
        c->in_at = 0;
    } else if (c->in_at * 2 > c->in.len || c->in.len + READ_BYTES > in_max(c)) {
        buf_consume(&c->in, c->in_at);
        c->in_at = 0;
    }
    c->in.max = in_max(c);
}

void conn_input(struct conn *c, struct slice encrypted)
{
    struct err err = {0};
    c->active_ms = uv_now(c->server->loop);
    if (c->state == CONN_READY && c->server->limits.idle_ms)
        conn_enter(c, CONN_READY);
    do {
        compact(c);
        int rv = tls_session_input(c->tls, encrypted, &c->in, &err);
        encrypted = (struct slice){0};
        if (rv != 0) {
            c->server->stats.bad_bytes++;
            log_debug("net", "%s: %s", c->address, err.text);
            conn_finish(c);
            return;
        }
        if (tls_session_state(c->tls) == TLS_CLOSED)
            c->eof = true;
        feed_advance(c);
        compact(c);
    } while (c->state < CONN_FINISHING && tls_session_pending(c->tls) && c->in.len < c->in.max &&
             !(c->away || c->held || c->full));
}

void conn_go_on(struct conn *c)
{
    if (c->state != CONN_NEW && c->state != CONN_READY)
        return;
    if (tls_session_pending(c->tls))
        conn_input(c, (struct slice){0});
    else
        feed_advance(c);
    conn_read(c);
}

void conn_touch(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    list_remove(&c->dirty);
    list_push_back(&c->server->dirty, &c->dirty);
}

size_t conn_waiting(const struct conn *c)
{
    size_t encrypted = c->tls && !handshake_working(c) ? tls_session_output(c->tls)->len : 0;
    return c->out.len - c->out_at + c->sending.len - c->sending_at + encrypted;
}

static void cut(struct conn *c, const char *which)
{
    struct server *s = c->server;
    s->stats.cut++;
    if (server_rarely(s, &s->said_cut))
        log_warn("net", "cut %s, which does not read its replies: %zu bytes wait (%s)", c->address, conn_waiting(c),
                 which);
    conn_close(c);
}

static void on_written(uv_write_t *req, int status)
{
    struct conn *c = req->data;
    c->writing = false;
    c->sending_at = 0;
    if (c->sending.cap > KEPT_BYTES)
        buf_close(&c->sending);
    buf_clear(&c->sending);
    if (c->state == CONN_CLOSING)
        return;
    if (status != 0) {
        conn_close(c);
        return;
    }
    conn_touch(c);
    server_flush(c->server);
}

/* The kernel has no room: the rest is libuv's business until on_written. */
static int write_rest(struct conn *c, struct buf *encrypted, size_t at)
{
    struct buf empty = c->sending;
    c->sending = *encrypted;
    *encrypted = empty;
    c->sending_at = at;
    c->writing = true;
    c->write.data = c;
    uv_buf_t rest = uv_buf_init(c->sending.data + at, (unsigned)(c->sending.len - at));
    return uv_write(&c->write, (uv_stream_t *)&c->tcp, &rest, 1, on_written);
}

static int write_out(struct conn *c)
{
    struct buf *encrypted = tls_session_output(c->tls);
    if (encrypted->len == 0)
        return 0;
    c->server->stats.bytes_out += (int64_t)encrypted->len;
    uv_buf_t all = uv_buf_init(encrypted->data, (unsigned)encrypted->len);
    int sent = uv_try_write((uv_stream_t *)&c->tcp, &all, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        return sent;
    if (sent == (int)encrypted->len) {
        buf_clear(encrypted);
        return 0;
    }
    return write_rest(c, encrypted, sent > 0 ? (size_t)sent : 0);
}

static void encrypt(struct conn *c)
{
    size_t left = c->out.len - c->out_at;
    if (left == 0)
        return;
    size_t count = left < FLUSH_BYTES ? left : FLUSH_BYTES;
    if (tls_session_state(c->tls) != TLS_OPEN ||
        tls_session_write(c->tls, (struct slice){c->out.data + c->out_at, count}, NULL) != 0)
        count = left; /* the peer has closed the session: there is no way to say it any more */
    c->out_at += count;
    if (c->out_at == c->out.len) {
        if (c->out.cap > KEPT_BYTES)
            buf_close(&c->out);
        buf_clear(&c->out);
        c->out_at = 0;
    }
}

/* Does a client that reads slowly, or not at all, use more memory than it may? Its time begins when the kernel takes no more of a
 * slice, or when more waits than the soft limit. */
static void check_waiting(struct conn *c)
{
    const struct server_limits *limits = &c->server->limits;
    size_t waiting = conn_waiting(c);
    if (c->state == CONN_NEW && !c->known && c->writing && waiting > limits->output_before) {
        cut(c, "before sign-in");
        return;
    }
    if (waiting > limits->output_soft && !list_empty(&c->slow))
        return; /* its time goes on, even if it reads a little */
    list_remove(&c->slow);
    if (waiting <= limits->output_soft && !c->writing)
        return;
    c->slow_since_ms = uv_now(c->server->loop);
    list_push_back(&c->server->slow, &c->slow);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    struct conn *c = req->data;
    if (status != 0)
        conn_close(c);
}

/* Everything is said: shut our side, and wait for the other to do the same. */
static void said(struct conn *c)
{
    if (c->tls && tls_session_state(c->tls) == TLS_OPEN) {
        tls_session_close(c->tls);
        conn_flush(c);
        return;
    }
    c->shutdown.data = c;
    if (c->eof || uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shut) != 0) {
        conn_close(c);
        return;
    }
    conn_enter(c, CONN_LINGER);
    conn_read(c);
}

void conn_flush(struct conn *c)
{
    if (c->state >= CONN_LINGER || c->writing || handshake_working(c))
        return;
    if (c->tls) {
        encrypt(c);
        if (write_out(c) != 0) {
            conn_close(c);
            return;
        }
    }
    check_waiting(c);
    if (c->writing || c->state == CONN_CLOSING)
        return;
    if (c->out.len > c->out_at) {
        server_again(c);
    } else if (c->state == CONN_FINISHING) {
        said(c);
    } else if (c->full) {
        c->full = false;
        server_again(c);
    }
}

void conn_reply(struct conn *c, struct slice canonical)
{
    if (c->state == CONN_CLOSING)
        return;
    const struct server_limits *limits = &c->server->limits;
    enum codec_form form = c->form == CODEC_NONE ? CODEC_RESP : c->form;
    c->out.max = limits->output_hard;
    /* The limit is for what waits: a client that always takes some, but never all, may go on for ever. */
    if (c->out_at * 2 > c->out.len) {
        buf_consume(&c->out, c->out_at);
        c->out_at = 0;
    }
    size_t before = c->out.len;
    conn_touch(c);
    int rv = codec_render(form, c->proto, canonical, &c->out);
    if (rv == ERR_TOOBIG) {
        cut(c, "hard limit");
        return;
    }
    if (rv != 0) {
        log_error("net", "a reply of %zu bytes could not be rendered: %s", canonical.len, err_token(rv));
        buf_truncate(&c->out, before);
        buf_text(&c->out, "-INTERNAL the reply could not be rendered\r\n");
    }
    size_t most = c->state == CONN_READY ? limits->output_soft : limits->output_before;
    c->full = c->full || (c->state < CONN_FINISHING && c->out.len - c->out_at > most);
}

void conn_refuse(struct conn *c, const struct err *err)
{
    struct buf *reply = &c->server->reply;
    struct err shown = *err;
    if (c->identity)
        words_localise(c->identity->lang, &shown);
    buf_clear(reply);
    reply_error(reply, &shown);
    conn_reply(c, buf_view(reply));
}
