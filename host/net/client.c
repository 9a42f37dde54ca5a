#include "net/intrinsic.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* CLIENT: name, show and end connections. A user sees and ends the own ones, an administrator all. */

static void set(char **field, struct slice value)
{
    free(*field);
    *field = value.len ? mem_dup_slice(value) : NULL;
}

static void set_name(struct conn *c, const struct message *m, struct buf *reply)
{
    if (!intrinsic_name(m->args[2])) {
        intrinsic_refuse(reply, ERR_ARG, "CLIENT SETNAME: a name is at most 64 printable characters without blanks");
        return;
    }
    set(&c->name, m->args[2]);
    intrinsic_ok(reply);
}

static void set_info(struct conn *c, const struct message *m, struct buf *reply)
{
    char **field = intrinsic_word(m->args[2], "LIB-NAME")  ? &c->lib_name
                   : intrinsic_word(m->args[2], "LIB-VER") ? &c->lib_version
                                                           : NULL;
    if (!field || !intrinsic_name(m->args[3])) {
        intrinsic_refuse(reply, ERR_ARG,
                         "CLIENT SETINFO: LIB-NAME or LIB-VER and at most 64 printable characters without blanks");
        return;
    }
    set(field, m->args[3]);
    intrinsic_ok(reply);
}

static void get_name(struct conn *c, const struct message *m, struct buf *reply)
{
    struct reply r;
    (void)m;
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_cstr(&r, c->name);
    reply_finish(&r);
}

static void id(struct conn *c, const struct message *m, struct buf *reply)
{
    struct reply r;
    (void)m;
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_int(&r, (int64_t)c->id);
    reply_finish(&r);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* One line as CLIENT LIST of Redis has it, so that tools can read it. */
static void describe(const struct conn *c, struct buf *out)
{
    uint64_t now = uv_now(c->server->loop);
    bool handshake = c->state == CONN_HANDSHAKE;
    buf_fmt(
        out,
        "id=%llu addr=%s name=%s age=%lld idle=%llu flags=N db=0 qbuf=%zu omem=%zu cmd=%s user=%s lib-name=%s lib-ver=%s "
        "resp=%d state=%s requests=%lld tls=%s\n",
        (unsigned long long)c->id, c->address, or_empty(c->name), (long long)(clock_now_ms() - c->opened_ms) / 1000,
        (unsigned long long)(now - c->active_ms) / 1000, handshake ? 0 : c->in.len, conn_waiting(c), c->last_command,
        c->identity ? c->identity->name : "", or_empty(c->lib_name), or_empty(c->lib_version), c->proto,
        c->state == CONN_READY ? "ready"
        : c->state == CONN_NEW ? "new"
        : handshake            ? "handshake"
                               : "closing",
        (long long)c->requests, handshake || !c->tls ? "" : tls_session_version(c->tls));
}

static bool may_see(const struct conn *c, const struct conn *other)
{
    return c->identity &&
           (c->identity->admin || other == c || (other->identity && other->identity->user_id == c->identity->user_id));
}

static bool wanted(const struct conn *other, const struct message *m)
{
    if (m->nargs < 4 || !intrinsic_word(m->args[2], "ID"))
        return true;
    for (int i = 3; i < m->nargs; i++) {
        char text[24];
        int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)other->id);
        if (slice_eq(m->args[i], (struct slice){text, (size_t)len}))
            return true;
    }
    return false;
}

static void answer_text(struct buf *text, struct buf *reply)
{
    struct reply r;
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_text(&r, buf_view(text));
    reply_finish(&r);
    buf_close(text);
}

static void list(struct conn *c, const struct message *m, struct buf *reply)
{
    struct buf text = {.max = INTRINSIC_REPLY_MAX - 64};
    for (struct list *l = c->server->conns.next; l != &c->server->conns; l = l->next) {
        const struct conn *other = list_entry(l, struct conn, all);
        if (other->state != CONN_CLOSING && may_see(c, other) && wanted(other, m))
            describe(other, &text);
    }
    answer_text(&text, reply);
}

static void info(struct conn *c, const struct message *m, struct buf *reply)
{
    struct buf text = {0};
    (void)m;
    describe(c, &text);
    answer_text(&text, reply);
}

static struct conn *find(const struct conn *c, const struct message *m)
{
    for (struct list *l = c->server->conns.next; l != &c->server->conns; l = l->next) {
        struct conn *other = list_entry(l, struct conn, all);
        if (other->state < CONN_FINISHING && may_see(c, other) && wanted(other, m))
            return other;
    }
    return NULL;
}

static void end_connection(struct conn *c, const struct message *m, struct buf *reply)
{
    struct reply r;
    struct conn *other = m->nargs == 4 && intrinsic_word(m->args[2], "ID") ? find(c, m) : NULL;
    if (m->nargs != 4 || !intrinsic_word(m->args[2], "ID")) {
        intrinsic_refuse(reply, ERR_ARG,
                         "CLIENT KILL: give ID and the number of a connection (CLIENT LIST shows them)");
        return;
    }
    if (other && other != c)
        conn_close(other);
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_int(&r, other != NULL);
    reply_finish(&r);
    if (other == c) {
        conn_reply(c, buf_view(reply));
        buf_clear(reply);
        conn_finish(c);
    }
}

static void accept_only(struct conn *c, const struct message *m, struct buf *reply)
{
    (void)c;
    if (intrinsic_word(m->args[2], "ON") || intrinsic_word(m->args[2], "OFF"))
        intrinsic_ok(reply); /* nothing is ever evicted here, so it is true either way */
    else
        intrinsic_refuse(reply, ERR_ARG, "CLIENT NO-EVICT and NO-TOUCH: ON or OFF");
}

static const struct {
    const char *name;
    bool early;
    int min, max; /* words after the subcommand */
    intrinsic_answer *answer;
} subcommands[] = {
    {"SETNAME", true, 1, 1, set_name},      {"SETINFO", true, 2, 2, set_info},
    {"GETNAME", true, 0, 0, get_name},      {"ID", true, 0, 0, id},
    {"LIST", false, 0, 1023, list},         {"INFO", false, 0, 0, info},
    {"KILL", false, 1, 8, end_connection},  {"NO-EVICT", false, 1, 1, accept_only},
    {"NO-TOUCH", false, 1, 1, accept_only},
};

void client_answer(struct conn *c, const struct message *m, struct buf *reply)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++) {
        if (!intrinsic_word(m->args[1], subcommands[i].name))
            continue;
        int words = m->nargs - 2;
        if (words < subcommands[i].min || words > subcommands[i].max)
            intrinsic_refuse(reply, ERR_NOCOMMAND, "wrong number of arguments for 'client' command");
        else if (c->state != CONN_READY && !subcommands[i].early)
            intrinsic_refuse(reply, ERR_NOAUTH,
                             "Authentication required: AUTH user secret, or connect with a client certificate");
        else
            subcommands[i].answer(c, m, reply);
        return;
    }
    intrinsic_refuse(
        reply, ERR_NOCOMMAND,
        "unknown subcommand of CLIENT; there are SETNAME GETNAME SETINFO ID INFO LIST KILL NO-EVICT NO-TOUCH");
}
