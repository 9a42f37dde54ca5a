#include "net/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/conn.h"
#include "net/feed.h"
#include "net/intrinsic.h"
#include "tls/random.h"

#include <stdlib.h>
#include <string.h>

/* Start, the loop's own events, drain.
 *
 * Lanes wake the loop by an async handle when their mailbox of finished runs was empty; the loop takes all of them, asks whether the
 * generation has changed, delivers each
 * to its connection, and only then flushes every connection once. One timer checks all deadlines: the lists by state are ordered by
 * time, so that it looks at the oldest entries only.
 *
 * Drain: stop listening; connections whose run is away get its replies; everybody who understands pushes is told; when all
 * handles are closed, or time is up, the lanes are stopped by a worker thread (they finish what is queued) and the loop's own
 * handles close, so that uv_run returns. */

enum { DELIVER_AT_ONCE = 64, LINGER_MS = 1000 };

bool server_rarely(struct server *s, struct rarely *what)
{
    uint64_t now = uv_now(s->loop);
    if (what->last_ms && now - what->last_ms < 60000) {
        what->kept_back++;
        return false;
    }
    if (what->kept_back)
        log_info("net", "%lld more like the following were not logged", (long long)what->kept_back);
    what->last_ms = now ? now : 1;
    what->kept_back = 0;
    return true;
}

void server_flush(struct server *s)
{
    while (!list_empty(&s->dirty)) {
        struct conn *c = list_entry(s->dirty.next, struct conn, dirty);
        list_remove(&c->dirty);
        conn_flush(c);
    }
}

static void on_again(uv_idle_t *idle)
{
    struct server *s = idle->data;
    struct list now;
    list_init(&now);
    while (!list_empty(&s->more)) {
        struct list *l = s->more.next;
        list_remove(l);
        list_push_back(&now, l);
    }
    while (!list_empty(&now)) {
        struct conn *c = list_entry(now.next, struct conn, dirty);
        conn_touch(c);
        conn_go_on(c);
    }
    server_flush(s);
    if (list_empty(&s->more))
        uv_idle_stop(idle);
}

void server_again(struct conn *c)
{
    struct server *s = c->server;
    list_remove(&c->dirty);
    list_push_back(&s->more, &c->dirty);
    uv_idle_start(&s->again, on_again);
}

/* Before the replies are delivered: whoever learns that the plugins were changed may use the new commands at once. A
 * connection with nothing on its way must not keep the old ones alive. */
static void renew_registry(struct server *s)
{
    struct registry *fresh = lanes_registry(s->lanes);
    if (fresh == s->registry) {
        registry_unref(fresh);
        return;
    }
    registry_unref(s->registry);
    s->registry = fresh;
    log_info("net", "generation %lld", (long long)registry_generation(fresh));
    for (struct list *l = s->conns.next; l != &s->conns; l = l->next)
        feed_forget(list_entry(l, struct conn, all));
}

static void on_wake(uv_async_t *async)
{
    struct server *s = async->data;
    struct run *runs[DELIVER_AT_ONCE];
    int count;
    do {
        count = lanes_take(s->lanes, runs, DELIVER_AT_ONCE);
        renew_registry(s);
        for (int i = 0; i < count; i++)
            runs[i]->owner == s ? ask_deliver(s, runs[i]) : feed_deliver(runs[i]);
    } while (count == DELIVER_AT_ONCE);
    server_flush(s);
}

/* On a lane's thread. */
static void wake(void *arg)
{
    struct server *s = arg;
    uv_async_send(&s->wake);
}

/* -- deadlines -- */

static void expire(struct server *s, enum conn_state state, int64_t after_ms)
{
    uint64_t now = uv_now(s->loop);
    struct list *list = &s->state[state];
    while (after_ms > 0 && !list_empty(list)) {
        struct conn *c = list_entry(list->next, struct conn, in_state);
        if (now - c->since_ms < (uint64_t)after_ms)
            return;
        if (state != CONN_LINGER) {
            s->stats.late++;
            log_debug("net", "closed %s: deadline", c->address);
        }
        /* A client that has work to be answered is not idle. */
        if (state == CONN_READY && (c->away || c->writing))
            conn_enter(c, state);
        else
            conn_close(c);
    }
}

/* Move the connections whose time has come to a list of their own: what they do may take others out of either list. */
static void take_due(struct server *s, struct list *due)
{
    uint64_t now = uv_now(s->loop);
    for (struct list *l = s->later.next, *next; l != &s->later; l = next) {
        next = l->next;
        if (list_entry(l, struct conn, later)->due_ms <= now) {
            list_remove(l);
            list_push_back(due, l);
        }
    }
}

static void do_later(struct server *s)
{
    struct list due;
    list_init(&due);
    take_due(s, &due);
    while (!list_empty(&due)) {
        struct conn *c = list_entry(due.next, struct conn, later);
        void (*act)(struct conn *) = c->due;
        conn_later(c, 0, NULL);
        act(c);
        conn_read(c);
    }
}

static void cut_slow(struct server *s)
{
    uint64_t now = uv_now(s->loop);
    while (!list_empty(&s->slow)) {
        struct conn *c = list_entry(s->slow.next, struct conn, slow);
        if (now - c->slow_since_ms < (uint64_t)s->limits.output_soft_ms)
            return;
        s->stats.cut++;
        if (server_rarely(s, &s->said_cut))
            log_warn("net", "cut %s: %zu bytes of replies wait for too long", c->address, conn_waiting(c));
        conn_close(c);
    }
}

static void close_all(struct server *s)
{
    for (struct list *l = s->conns.next; l != &s->conns; l = l->next)
        conn_close(list_entry(l, struct conn, all));
}

static void on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;
    expire(s, CONN_HANDSHAKE, s->limits.handshake_ms);
    expire(s, CONN_NEW, s->limits.sign_in_ms);
    expire(s, CONN_READY, s->limits.idle_ms);
    expire(s, CONN_FINISHING, s->limits.output_soft_ms);
    expire(s, CONN_LINGER, LINGER_MS);
    do_later(s);
    cut_slow(s);
    server_flush(s);
    if (!s->draining && lanes_fenced(s->lanes)) {
        log_error("net", "nothing can be written any more; this server stops");
        server_drain(s);
    }
    if (s->draining && uv_now(s->loop) - s->drain_since_ms > (uint64_t)s->drain_ms)
        close_all(s);
}

/* -- drain -- */

static void stop_lanes(uv_work_t *work)
{
    struct server *s = work->data;
    lanes_stop(s->lanes);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct server *s = handle->data;
    s->handles--;
}

static void close_handles(struct server *s)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&s->listener, (uv_handle_t *)&s->wake, (uv_handle_t *)&s->tick,
                              (uv_handle_t *)&s->again};
    for (size_t i = 0; i < sizeof(handles) / sizeof(*handles); i++)
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], on_handle_closed);
}

static void lanes_stopped(uv_work_t *work, int status)
{
    struct server *s = work->data;
    (void)status;
    on_wake(&s->wake); /* the last runs, whose connections are gone */
    close_handles(s);
    log_info("net", "stopped");
}

void server_closed(struct server *s)
{
    if (!s->draining || s->stopped || s->open > 0 || s->handshakes.working)
        return;
    s->stopped = true;
    s->stopping.data = s;
    uv_queue_work(s->loop, &s->stopping, stop_lanes, lanes_stopped);
}

void server_farewell(struct conn *c)
{
    static const char text[] = "the server stops; what is not answered can be sent again when it is back";
    if (c->proto == 3 && c->form == CODEC_RESP && c->state == CONN_READY)
        buf_fmt(&c->out, ">2\r\n$15\r\nserver.draining\r\n$%zu\r\n%s\r\n", sizeof(text) - 1, text);
    conn_finish(c);
}

void server_drain(struct server *s)
{
    if (s->draining)
        return;
    s->draining = true;
    s->drain_since_ms = uv_now(s->loop);
    lanes_hurry(s->lanes);
    log_info("net", "draining %d connections", s->open);
    uv_close((uv_handle_t *)&s->listener, on_handle_closed);
    for (struct list *l = s->conns.next; l != &s->conns; l = l->next) {
        struct conn *c = list_entry(l, struct conn, all);
        if (c->state == CONN_HANDSHAKE)
            conn_close(c);
        else if (c->held)
            conn_finish(c);
        else
            feed_advance(c);
    }
    server_flush(s);
    server_closed(s);
}

/* -- start -- */

static void take_limits(struct server *s, const struct server_limits *limits)
{
    struct server_limits *l = &s->limits;
    *l = *limits;
    limits_fill(l);
    s->wire[0] = (struct wire_limits){l->line_bytes_before, l->message_bytes_before, l->args_before};
    s->wire[1] = (struct wire_limits){l->line_bytes, l->message_bytes, l->args};
}

static struct server *make(uv_loop_t *loop, const struct server_options *options)
{
    struct server *s = mem_zalloc(sizeof(*s));
    s->loop = loop;
    s->version = mem_dup(options->version ? options->version : "0");
    s->zone_min = options->lanes.zone_min;
    s->registry = registry_ref(options->registry);
    s->lines = options->lines;
    s->drain_ms = options->drain_ms ? options->drain_ms : 10000;
    s->started_ms = clock_now_ms();
    take_limits(s, &options->limits);
    struct list *lists[] = {&s->conns, &s->dirty, &s->more, &s->later, &s->slow};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        list_init(lists[i]);
    for (int i = 0; i < CONN_STATES; i++)
        list_init(&s->state[i]);
    handshake_init(&s->handshakes);
    uint64_t seeds[2];
    random_bytes(seeds, sizeof(seeds));
    throttle_init(&s->addresses, seeds[0]);
    throttle_init(&s->users, seeds[1]);
    return s;
}

static void open_handles(struct server *s)
{
    uv_tcp_init(s->loop, &s->listener);
    uv_async_init(s->loop, &s->wake, on_wake);
    uv_timer_init(s->loop, &s->tick);
    uv_idle_init(s->loop, &s->again);
    s->listener.data = s->wake.data = s->tick.data = s->again.data = s;
    s->handles = 4;
}

static int start_lanes(struct server *s, const struct server_options *options, struct err *err)
{
    struct lanes_options lanes = options->lanes;
    if (lanes.nlimit_rows == 0) {
        limits_rows(&s->limits, s->limit_rows);
        lanes.limit_rows = s->limit_rows;
        lanes.nlimit_rows = LIMIT_ROWS;
    }
    lanes.registry = s->registry;
    lanes.wake = wake;
    lanes.arg = s;
    return lanes_start(&lanes, &s->lanes, err);
}

int server_start(uv_loop_t *loop, const struct server_options *options, struct server **out, struct err *err)
{
    struct server *s = make(loop, options);
    int rv = tls_server_new(&options->tls, NULL, &s->tls, err);
    if (rv == 0) {
        open_handles(s);
        rv = listener_open(s, options->host, options->port, err);
    }
    if (rv == 0)
        rv = start_lanes(s, options, err);
    if (rv == 0) {
        uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
        *out = s;
        return 0;
    }
    if (s->handles) {
        close_handles(s);
        while (s->handles)
            uv_run(loop, UV_RUN_ONCE);
    }
    server_free(s);
    return rv;
}

int server_port(const struct server *s)
{
    return s->port;
}

int server_reload(struct server *s, const struct tls_files *files, const struct server_limits *limits, struct err *err)
{
    struct tls_endpoint *fresh = NULL;
    int rv = tls_server_new(files, s->tls, &fresh, err);
    if (rv != 0)
        return rv;
    tls_endpoint_unref(s->tls);
    s->tls = fresh;
    if (limits)
        take_limits(s, limits);
    return 0;
}

bool server_fenced(const struct server *s)
{
    return lanes_fenced(s->lanes);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    lanes_free(s->lanes);
    tls_endpoint_unref(s->tls);
    registry_unref(s->registry);
    message_close(&s->message);
    buf_close(&s->reply);
    buf_close(&s->handshakes.bytes);
    free(s->version);
    free(s);
}
