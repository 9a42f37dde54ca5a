#include "net/intrinsic.h"

#include "base/log.h"
#include "net/feed.h"

#include <stdlib.h>
#include <string.h>

/* Who is asking. Secrets are checked by a reader lane, never here: the conn sends a run of its own kind and waits for it as it
 * waits for any run, so that the reply has its place in the order. Whoever has failed before waits first (by address and by user
 * name; loopback counts by user name alone, because one address stands for many programs there), and only so many
 * secrets are checked at once that guessing cannot keep the readers busy. */

enum { PASSWORDS_MOST = 4, PROTO_MOST = 3, CERTIFICATE_AGAIN_MS = 200 };

static void greet(struct conn *c, struct buf *reply)
{
    struct reply r;
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_map_open(&r);
    reply_key_cstr(&r, "server", "muster");
    reply_key_cstr(&r, "version", c->server->version);
    reply_key_int(&r, "proto", c->proto);
    reply_key_int(&r, "id", (int64_t)c->id);
    reply_key_cstr(&r, "mode", "standalone");
    reply_key_cstr(&r, "role", "master");
    reply_key(&r, "modules");
    reply_array_open(&r);
    reply_close(&r);
    reply_key_cstr(&r, "user", c->identity ? c->identity->name : NULL);
    reply_key_int(&r, "zone_min", c->server->zone_min);
    reply_close(&r);
    reply_finish(&r);
}

static void replace(char **text, char *with)
{
    free(*text);
    *text = with;
}

/* -- by secret -- */

static struct slice secret_user(const struct conn *c)
{
    return run_word(c->run, 0);
}

static int wait_ms(const struct conn *c)
{
    struct server *s = c->server;
    uint64_t now = uv_now(s->loop);
    int by_user = secret_user(c).len ? throttle_wait(&s->users, secret_user(c), now) : 0;
    int by_place = c->loopback ? 0 : throttle_wait(&s->addresses, slice_of(c->place), now);
    return by_user > by_place ? by_user : by_place;
}

static void submit(struct conn *c);

/* Nothing may stay in memory that was secret. */
static void drop_run(struct conn *c)
{
    run_free(c->run);
    c->run = NULL;
}

static void put_now(struct conn *c)
{
    struct err err = {0};
    int rv = feed_put(c);
    if (rv == 0) {
        c->server->passwords++;
        return;
    }
    drop_run(c);
    err_rule(&err, ERR_BUSY, "busy.sign_in", NULL, "too much to do to check a sign-in now; try again in a moment");
    conn_refuse(c, &err);
}

/* Called at first, and again whenever the wait may be over. */
static void submit(struct conn *c)
{
    int wait = wait_ms(c);
    bool place = c->server->passwords < PASSWORDS_MOST;
    bool was_held = c->held;
    c->held = wait > 0 || !place;
    if (c->held) {
        conn_later(c, (uint64_t)(wait > TICK_MS ? wait : TICK_MS), submit);
        return;
    }
    conn_later(c, 0, NULL);
    put_now(c);
    if (was_held && !c->away)
        conn_go_on(c);
}

/* The first that waits only for a place, or NULL. */
static struct conn *next_waiting(const struct server *s)
{
    for (const struct list *l = s->later.next; l != &s->later; l = l->next) {
        struct conn *c = list_entry(l, struct conn, later);
        if (c->due == submit && wait_ms(c) == 0)
            return c;
    }
    return NULL;
}

void sign_in_next(struct server *s)
{
    struct conn *c;
    while (s->passwords < PASSWORDS_MOST && (c = next_waiting(s)) != NULL)
        submit(c); /* it leaves the list, whatever comes of it */
}

static void begin(struct conn *c, enum signing signing, struct slice user, struct slice secret)
{
    struct slice words[] = {user, secret};
    feed_prepare(c, RUN_PASSWORD, MODE_READ);
    run_add(c->run, NULL, words, 2);
    /* The message is parsed for good; its bytes are the connection's or the server's own, and not constant. */
    explicit_bzero((char *)(uintptr_t)secret.data, secret.len);
    c->signing = signing;
    submit(c);
}

void sign_in_auth(struct conn *c, const struct message *m, struct buf *reply)
{
    (void)reply;
    if (m->nargs == 3)
        begin(c, SIGN_AUTH, m->args[1], m->args[2]);
    else
        begin(c, SIGN_AUTH, SLICE(""), m->args[1]);
}

/* -- HELLO [proto] [AUTH user secret] [SETNAME name] -- */

struct hello {
    int proto;
    bool auth, named;
    struct slice user, secret, name;
};

/* What was asked, or why not. */
static const char *read_hello(const struct conn *c, const struct message *m, struct hello *h)
{
    int i = 1;
    h->proto = c->proto;
    if (m->nargs > 1) {
        struct slice word = m->args[i++];
        h->proto = 0;
        for (size_t at = 0; at < word.len; at++) {
            if (word.data[at] < '0' || word.data[at] > '9' || h->proto > 1000)
                return "HELLO: the protocol version is 2 or 3";
            h->proto = h->proto * 10 + (word.data[at] - '0');
        }
        if (h->proto < 2)
            return "HELLO: the protocol version is 2 or 3";
        h->proto = h->proto > PROTO_MOST ? PROTO_MOST : h->proto;
    }
    for (; i < m->nargs; i++) {
        if (intrinsic_word(m->args[i], "AUTH") && i + 2 < m->nargs) {
            h->auth = true;
            h->user = m->args[++i];
            h->secret = m->args[++i];
        } else if (intrinsic_word(m->args[i], "SETNAME") && i + 1 < m->nargs) {
            h->named = true;
            h->name = m->args[++i];
            if (!intrinsic_name(h->name))
                return "HELLO SETNAME: a name is at most 64 printable characters without blanks";
        } else {
            return "HELLO: after the version may follow AUTH user secret and SETNAME name";
        }
    }
    return NULL;
}

static void apply_hello(struct conn *c, struct buf *reply)
{
    c->proto = c->hello_proto;
    if (c->hello_name) {
        replace(&c->name, c->hello_name);
        c->hello_name = NULL;
    }
    greet(c, reply);
}

void sign_in_hello(struct conn *c, const struct message *m, struct buf *reply)
{
    struct hello h = {0};
    const char *wrong = read_hello(c, m, &h);
    if (wrong) {
        intrinsic_refuse(reply, ERR_ARG, wrong);
        return;
    }
    c->hello_proto = h.proto;
    replace(&c->hello_name, h.named ? mem_dup_slice(h.name) : NULL);
    if (h.auth)
        begin(c, SIGN_HELLO, h.user, h.secret);
    else
        apply_hello(c, reply);
}

/* -- by certificate -- */

static void put_certificate(struct conn *c)
{
    c->held = false;
    if (feed_put(c) != 0) {
        c->held = true;
        conn_later(c, CERTIFICATE_AGAIN_MS, put_certificate);
    }
}

void sign_in_certificate(struct conn *c)
{
    struct tls_peer peer;
    tls_session_peer(c->tls, &peer);
    if (!peer.present)
        return;
    feed_prepare(c, RUN_CERTIFICATE, MODE_READ);
    memcpy(c->run->fingerprint, peer.fingerprint, sizeof(peer.fingerprint));
    c->signing = SIGN_CERTIFICATE;
    put_certificate(c);
}

/* -- once more, after rights have changed -- */

void sign_in_end(struct conn *c)
{
    identity_unref(c->identity);
    c->identity = NULL;
    conn_enter(c, CONN_NEW);
}

bool sign_in_look_again(struct conn *c)
{
    feed_prepare(c, RUN_IDENTITY, MODE_READ);
    c->signing = SIGN_AGAIN;
    if (feed_put(c) == 0)
        return true;
    struct err err = {0};
    err_rule(&err, ERR_BUSY, "busy.queue", NULL,
             "rights have changed, and no lane is free to look; try again in a moment");
    conn_refuse(c, &err);
    return false;
}

static void looked_again(struct conn *c)
{
    const struct err *err = &c->run->err;
    if (c->run->fresh) {
        identity_unref(c->identity);
        c->identity = c->run->fresh;
        c->run->fresh = NULL;
    } else if (err->code == ERR_NOAUTH || err->code == ERR_NOTFOUND) {
        sign_in_end(c);
    } else if (err->code) {
        conn_refuse(c, err);
        conn_finish(c);
    }
}

/* -- the answer -- */

static void accepted(struct conn *c)
{
    struct server *s = c->server;
    s->stats.sign_ins++;
    if (c->signing != SIGN_CERTIFICATE) {
        throttle_forget(&s->users, secret_user(c));
        throttle_forget(&s->addresses, slice_of(c->place));
    }
    identity_unref(c->identity);
    c->identity = c->run->fresh;
    c->run->fresh = NULL;
    log_debug("net", "%s signed in from %s", c->identity->name, c->address);
    c->known = true;
    conn_enter(c, CONN_READY);
}

static void refused(struct conn *c, const struct err *err)
{
    struct server *s = c->server;
    uint64_t now = uv_now(s->loop);
    s->stats.failed_sign_ins++;
    if (server_rarely(s, &s->said_sign_in))
        log_warn("net", "sign-in from %s refused: %s", c->address, err->text);
    if (c->signing == SIGN_CERTIFICATE || err->code == ERR_BUSY || err->code == ERR_INTERNAL || err->code == ERR_IO)
        return;
    if (secret_user(c).len) /* a bare token names nobody, and cannot be guessed */
        throttle_fail(&s->users, secret_user(c), now);
    if (!c->loopback)
        throttle_fail(&s->addresses, slice_of(c->place), now);
}

void sign_in_deliver(struct conn *c)
{
    struct buf *reply = &c->server->reply;
    struct err err = c->run->err;
    enum signing signing = c->signing;
    bool ok = err.code == 0 && c->run->fresh;
    if (!ok && err.code == 0)
        err_set(&err, ERR_INTERNAL, "the sign-in was lost");
    if (c->state >= CONN_FINISHING) {
        drop_run(c);
        return;
    }
    if (signing == SIGN_AGAIN) {
        looked_again(c);
        drop_run(c);
        return;
    }
    if (ok)
        accepted(c);
    else
        refused(c, &err);
    drop_run(c);
    buf_clear(reply);
    if (signing == SIGN_CERTIFICATE)
        return; /* nobody has asked: an unknown certificate may still sign in by AUTH */
    if (!ok)
        reply_error(reply, &err);
    else if (signing == SIGN_HELLO)
        apply_hello(c, reply);
    else
        intrinsic_ok(reply);
    conn_reply(c, buf_view(reply));
}

/* -- RESET: as if just connected, certificate left aside -- */

void sign_in_reset(struct conn *c, const struct message *m, struct buf *reply)
{
    (void)m;
    struct reply r;
    sign_in_end(c);
    c->proto = 2;
    replace(&c->name, NULL);
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_status(&r, "RESET");
    reply_finish(&r);
}
