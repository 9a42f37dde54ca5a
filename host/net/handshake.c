#include "net/handshake.h"

#include "base/log.h"
#include "net/conn.h"

/* A full handshake costs 2 ms of public-key arithmetic, which would stall every other client if the loop did it. One worker at a
 * time, because the library's elliptic-curve tables are shared and it has no lock for them. Newest first: under a flood the
 * oldest ones have probably given up, and serving them would only make the others late too; the oldest is the one dropped when
 * the queue is full. While a worker has a connection, the loop touches neither its session nor its decrypted bytes: what comes
 * meanwhile waits in `raw`. */

enum { RAW_MAX = 96 * 1024, RECORD_HEADER = 5, RECORD_HANDSHAKE = 22, PLACE_WAIT_MOST_MS = 2000 };

void handshake_init(struct handshakes *h)
{
    list_init(&h->waiting);
}

bool handshake_working(const struct conn *c)
{
    return c->server->handshakes.working == c;
}

/* Is there a whole TLS record at the start? Header: type, version (2), length (2). RFC 8446, 5.1. */
static bool record_whole(const struct buf *raw)
{
    const unsigned char *p = (const unsigned char *)raw->data;
    return raw->len >= RECORD_HEADER && raw->len >= RECORD_HEADER + ((size_t)p[3] << 8 | p[4]);
}

static void shake(uv_work_t *work)
{
    struct server *s = work->data;
    struct handshakes *h = &s->handshakes;
    struct conn *c = h->working;
    tls_session_input(c->tls, buf_view(&h->bytes), &c->in, &h->err);
}

static void pump(struct server *s);
static void enqueue(struct conn *c);

/* One step is done: the loop owns the session again. */
static void shaken(uv_work_t *work, int status)
{
    struct server *s = work->data;
    struct handshakes *h = &s->handshakes;
    struct conn *c = h->working;
    (void)status;
    h->working = NULL;
    buf_clear(&h->bytes);
    if (c->state == CONN_CLOSING) {
        conn_release(c);
    } else if (h->err.code || tls_session_state(c->tls) == TLS_CLOSED) {
        s->stats.failed_handshakes++;
        log_debug("net", "handshake with %s: %s", c->address, h->err.code ? h->err.text : "closed by the peer");
        conn_finish(c);
    } else if (tls_session_state(c->tls) == TLS_OPEN) {
        conn_opened(c);
    } else {
        conn_touch(c);
        conn_read(c);
        if (record_whole(&c->raw))
            enqueue(c);
    }
    pump(s);
    server_flush(s);
}

static void pump(struct server *s)
{
    struct handshakes *h = &s->handshakes;
    if (h->working || list_empty(&h->waiting))
        return;
    struct conn *c = list_entry(h->waiting.prev, struct conn, shaking);
    handshake_forget(c);
    if (!c->tls)
        c->tls = tls_session_new(s->tls, NULL);
    struct buf bytes = h->bytes;
    h->bytes = c->raw;
    c->raw = bytes;
    c->raw.max = RAW_MAX;
    h->err = (struct err){0};
    h->working = c;
    h->work.data = s;
    uv_queue_work(s->loop, &h->work, shake, shaken);
}

void handshake_forget(struct conn *c)
{
    if (list_empty(&c->shaking))
        return;
    list_remove(&c->shaking);
    c->server->handshakes.count--;
}

static void enqueue(struct conn *c)
{
    struct server *s = c->server;
    struct handshakes *h = &s->handshakes;
    if (handshake_working(c) || !list_empty(&c->shaking))
        return;
    list_push_back(&h->waiting, &c->shaking);
    if (++h->count > s->limits.handshakes) {
        struct conn *oldest = list_entry(h->waiting.next, struct conn, shaking);
        s->stats.dropped_handshakes++;
        conn_close(oldest);
    }
    pump(s);
}

void handshake_input(struct conn *c, const char *data, size_t len)
{
    struct server *s = c->server;
    if (c->raw.len == 0 && !c->tls && data[0] != RECORD_HANDSHAKE) {
        s->stats.bad_bytes++;
        if (server_rarely(s, &s->said_http))
            log_warn("net", "%s does not speak TLS (first byte 0x%02x); closed", c->address, (unsigned char)data[0]);
        conn_close(c);
        return;
    }
    c->raw.max = RAW_MAX;
    if (buf_append(&c->raw, data, len) != 0) {
        s->stats.failed_handshakes++;
        conn_close(c);
        return;
    }
    if (c->due || !record_whole(&c->raw))
        return;
    /* An address that failed to sign in waits before TLS: a guess costs it time, and us no arithmetic. */
    int wait = c->tls || c->loopback ? 0 : throttle_wait(&s->addresses, slice_of(c->place), uv_now(s->loop));
    if (wait)
        conn_later(c, wait < PLACE_WAIT_MOST_MS ? (uint64_t)wait : PLACE_WAIT_MOST_MS, enqueue);
    else
        enqueue(c);
}
