#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/feed.h"
#include "net/intrinsic.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The life of a connection, from accept to free. Closing is in two steps: the handle closes when libuv says so, and the struct
 * lives on until nobody refers to it: a lane may have its run, the worker its session. Both come back in any case. */

static void describe(struct conn *c)
{
    struct sockaddr_storage name;
    memset(&name, 0, sizeof(name));
    int len = sizeof(name);
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&name, &len) != 0)
        return;
    char ip[INET6_ADDRSTRLEN] = "";
    if (name.ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&name;
        inet_ntop(AF_INET6, &a->sin6_addr, ip, sizeof(ip));
        snprintf(c->address, sizeof(c->address), "[%s]:%d", ip, ntohs(a->sin6_port));
        c->loopback = IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
        struct in6_addr net = a->sin6_addr;
        memset(net.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, c->loopback ? &a->sin6_addr : &net, c->place, sizeof(c->place));
    } else {
        const struct sockaddr_in *a = (const struct sockaddr_in *)&name;
        inet_ntop(AF_INET, &a->sin_addr, ip, sizeof(ip));
        snprintf(c->address, sizeof(c->address), "%s:%d", ip, ntohs(a->sin_port));
        c->loopback = a->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
        snprintf(c->place, sizeof(c->place), "%s", ip);
    }
}

static struct conn *make(struct server *s)
{
    struct conn *c = mem_zalloc(sizeof(*c));
    c->server = s;
    c->id = ++s->last_id;
    c->proto = 2;
    c->opened_ms = clock_now_ms();
    c->active_ms = uv_now(s->loop);
    struct list *links[] = {&c->all, &c->in_state, &c->dirty, &c->later, &c->slow, &c->shaking};
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
        list_init(links[i]);
    uv_tcp_init(s->loop, &c->tcp);
    c->tcp.data = c;
    list_push_back(&s->conns, &c->all);
    s->count++;
    s->open++;
    conn_enter(c, CONN_HANDSHAKE);
    return c;
}

static int at_place(const struct server *s, const char *place)
{
    int count = 0;
    for (struct list *l = s->conns.next; l != &s->conns; l = l->next)
        count += strcmp(list_entry(l, struct conn, all)->place, place) == 0;
    return count;
}

/* Why this connection may not stay, or NULL. */
static const char *too_many(const struct conn *c)
{
    const struct server *s = c->server;
    if (s->open > s->limits.connections)
        return "the server has as many connections as it may have";
    if (s->limits.connections_per_address && at_place(s, c->place) > s->limits.connections_per_address)
        return "this address has as many connections as it may have";
    return NULL;
}

/* Over the cap: a few are let through the handshake to be told why, if nobody else waits for one; the others are closed. */
static bool admit(struct conn *c)
{
    struct server *s = c->server;
    const char *why = too_many(c);
    if (!why)
        return true;
    s->stats.refused++;
    if (server_rarely(s, &s->said_full))
        log_warn("net", "refused %s: %s (%d open)", c->address, why, s->open);
    c->surplus = s->surplus < SURPLUS_MAX && s->handshakes.count == 0;
    s->surplus += c->surplus;
    return c->surplus;
}

void conn_accept(struct server *s)
{
    struct conn *c = make(s);
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) != 0) {
        conn_close(c);
        return;
    }
    s->stats.accepted++;
    uv_tcp_nodelay(&c->tcp, 1);
    describe(c);
    if (admit(c))
        conn_read(c);
    else
        conn_close(c);
}

void conn_enter(struct conn *c, enum conn_state state)
{
    c->state = state;
    c->since_ms = uv_now(c->server->loop);
    list_remove(&c->in_state);
    list_push_back(&c->server->state[state], &c->in_state);
}

void conn_opened(struct conn *c)
{
    struct server *s = c->server;
    s->stats.handshakes++;
    s->stats.resumed += tls_session_resumed(c->tls);
    conn_enter(c, CONN_NEW);
    conn_touch(c);
    if (c->surplus) {
        struct err err = {0};
        err_rule(&err, ERR_LIMIT, "limit.connections", NULL, "too many connections; try again later");
        c->form = CODEC_RESP;
        conn_refuse(c, &err);
        conn_finish(c);
        return;
    }
    sign_in_certificate(c);
    struct buf raw = c->raw;
    c->raw = (struct buf){0};
    conn_input(c, buf_view(&raw));
    buf_close(&raw);
}

void conn_finish(struct conn *c)
{
    if (c->state >= CONN_FINISHING)
        return;
    conn_enter(c, CONN_FINISHING);
    conn_later(c, 0, NULL);
    c->full = false;
    conn_touch(c);
    conn_read(c);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct server *s = c->server;
    c->handle_closed = true;
    s->open--;
    s->stats.closed++;
    conn_release(c);
    server_closed(s);
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    conn_enter(c, CONN_CLOSING);
    handshake_forget(c);
    list_remove(&c->dirty);
    list_remove(&c->later);
    list_remove(&c->slow);
    c->server->surplus -= c->surplus;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void conn_release(struct conn *c)
{
    struct server *s = c->server;
    if (!c->handle_closed || c->away || handshake_working(c))
        return;
    list_remove(&c->all);
    list_remove(&c->in_state);
    s->count--;
    tls_session_free(c->tls);
    run_free(c->run);
    identity_unref(c->identity);
    struct buf *bufs[] = {&c->raw, &c->in, &c->out, &c->sending};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
        buf_close(bufs[i]);
    free(c->name);
    free(c->lib_name);
    free(c->lib_version);
    free(c->hello_name);
    free(c);
    server_closed(s);
}

void conn_later(struct conn *c, uint64_t ms, void (*due)(struct conn *c))
{
    list_remove(&c->later);
    c->due = due;
    c->due_ms = uv_now(c->server->loop) + ms;
    if (due)
        list_push_back(&c->server->later, &c->later);
}
