#include "net/feed.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "net/intrinsic.h"
#include "wire/reader.h"

#include <ctype.h>
#include <string.h>

/* The connection rule (one run away at a time):
 *
 *   bytes ─► parse ─► a command of the run's mode, and room in the run ─► added to c->run
 *                 └─► anything else: the run is handed off first, and the message is parsed again when it is back
 *
 * So whatever the loop answers itself (PING, errors, refusals) is answered in its place among the replies of the lanes, by
 * what the user may now (a lane looks again when rights have changed), and
 * consecutive requests of one mode travel together. A lane may give a run back before all of it is answered: then the
 * rest goes to it again, after the replies that came have left. Nothing is parsed while a run is away, a sign-in waits,
 * or too much output waits. */

enum step { STEP_MORE, STEP_STOP };
enum { EARLY_BYTES = 1024, EARLY_MS = 500, LONG_BYTES = 16 * 1024, TURN_US = 2000 };

/* -- runs -- */

static void reset(struct run *r)
{
    r->nrequests = r->nwords = r->first = r->done = 0;
    buf_clear(&r->bytes);
    buf_clear(&r->out);
    identity_unref(r->fresh);
    r->fresh = NULL;
    r->shut_out = false;
    r->err = (struct err){0};
}

void feed_prepare(struct conn *c, enum run_kind kind, enum mode mode)
{
    struct server *s = c->server;
    struct run *r = c->run;
    if (r &&
        (r->kind != RUN_COMMANDS || kind != RUN_COMMANDS || r->registry != s->registry || r->identity != c->identity)) {
        run_free(r);
        r = NULL;
    }
    if (r)
        reset(r);
    else
        r = run_new(kind, mode, s->registry, kind == RUN_COMMANDS || kind == RUN_IDENTITY ? c->identity : NULL);
    r->mode = mode;
    r->owner = c;
    c->run = r;
}

int feed_put(struct conn *c)
{
    c->run->received_ms = clock_now_ms();
    int rv = lanes_put(c->server->lanes, c->run);
    c->away = rv == 0;
    c->server->stats.runs += rv == 0;
    c->server->stats.busy += rv != 0;
    return rv;
}

static bool filling(const struct conn *c)
{
    return !c->away && c->run && c->run->kind == RUN_COMMANDS && c->run->first < c->run->nrequests;
}

void feed_forget(struct conn *c)
{
    if (c->away || filling(c) || c->held || !c->run || c->run->kind != RUN_COMMANDS)
        return;
    run_free(c->run);
    c->run = NULL;
}

/* Every request of a run that no lane could take is answered at once. */
static void answer_busy(struct conn *c, int code)
{
    struct err err = {0};
    if (code == ERR_BUSY)
        err_rule(&err, ERR_BUSY, "busy.queue", NULL,
                 "the queue of this kind of command is full; send it again in a moment");
    else
        err_rule(&err, ERR_BUSY, "busy.stopping", NULL, "the server is stopping; send it again when it is back");
    for (int i = c->run->first; i < c->run->nrequests; i++)
        conn_refuse(c, &err);
    reset(c->run);
}

/* True when replies are there already, so that parsing may go on. */
static bool hand_off(struct conn *c)
{
    if (!filling(c) || c->full || c->state >= CONN_FINISHING)
        return false;
    int rv = feed_put(c);
    if (rv == 0)
        return false;
    answer_busy(c, rv);
    return true;
}

static enum step add(struct conn *c, const struct command *command, const struct message *m, size_t bytes)
{
    const struct server_limits *limits = &c->server->limits;
    if (filling(c) && (c->run->first > 0 || c->run->mode != command->mode || c->run->registry != c->server->registry ||
                       c->run->nrequests >= limits->run_commands || c->run->bytes.len + bytes > limits->run_bytes))
        return STEP_STOP;
    if (!filling(c))
        feed_prepare(c, RUN_COMMANDS, command->mode);
    run_add(c->run, command, m->args + 1, m->nargs - 1);
    c->in_at += bytes;
    return STEP_MORE;
}

/* -- refusals -- */

/* Text of a stranger for an error message: cut, and only if it can be shown. */
static void show(struct slice s, size_t most, struct buf *out)
{
    if (!utf8_valid(s)) {
        buf_text(out, "(binary)");
        return;
    }
    size_t cut = utf8_cut(s, most);
    for (size_t i = 0; i < cut; i++)
        buf_byte(out, iscntrl((unsigned char)s.data[i]) ? ' ' : s.data[i]);
    if (cut < s.len)
        buf_text(out, "…");
}

/* The plugin that the name begins with, when that is there but does not run. */
static const char *plugin_off(const struct registry *r, struct slice name)
{
    const struct plugin_off *const *off;
    const char *dot = memchr(name.data, '.', name.len);
    int count = dot ? registry_off(r, &off) : 0;
    for (int i = 0; i < count; i++)
        if (slice_is((struct slice){name.data, (size_t)(dot - name.data)}, off[i]->name))
            return off[i]->name;
    return NULL;
}

/* In the words that Redis clients expect, and with what may help. */
static void refuse_unknown(struct conn *c, const struct message *m)
{
    struct buf text = {.max = 500};
    buf_text(&text, "unknown command '");
    show(m->args[0], 64, &text);
    buf_text(&text, "', with args beginning with: ");
    for (int i = 1; i < m->nargs && i <= 3; i++) {
        buf_text(&text, "'");
        show(m->args[i], 24, &text);
        buf_text(&text, "' ");
    }
    const char *near = m->args[0].len <= 64 ? registry_suggest(c->server->registry, m->args[0]) : NULL;
    const char *off = plugin_off(c->server->registry, m->args[0]);
    if (off)
        buf_fmt(&text, "; the plugin %s does not run now, plugin.list says why", off);
    else if (near)
        buf_fmt(&text, "; did you mean %s? COMMAND LIST names what there is", near);
    else
        buf_text(&text, "; COMMAND LIST names what there is");
    struct err err = {0};
    err_set(&err, ERR_NOCOMMAND, "%s", buf_cstr(&text));
    buf_close(&text);
    c->server->stats.unknown++;
    conn_refuse(c, &err);
}

static void refuse_stranger(struct conn *c)
{
    struct err err = {0};
    err_set(&err, ERR_NOAUTH, "Authentication required: AUTH user secret, or connect with a client certificate");
    conn_refuse(c, &err);
}

/* Framing is lost: say why, once, and end. */
static void refuse_bytes(struct conn *c, const struct err *err)
{
    struct server *s = c->server;
    s->stats.bad_bytes++;
    if (strcmp(err->rule, "http") == 0) {
        s->stats.http++;
        if (server_rarely(s, &s->said_http))
            log_warn("net", "%s speaks HTTP; closed", c->address);
    } else {
        log_debug("net", "%s: %s", c->address, err->text);
        conn_refuse(c, err);
    }
    conn_finish(c);
}

static bool choose(struct conn *c, char first)
{
    const struct server *s = c->server;
    struct err err = {0};
    enum codec_form form = codec_choose(first);
    if (form == CODEC_NONE) {
        err_rule(&err, ERR_PROTO, "proto.first_byte", NULL,
                 "a connection begins with '*' (RESP) or a letter (a plain line), not with byte 0x%02x",
                 (unsigned char)first);
    } else if (form == CODEC_LINE && (s->lines == LINES_OFF || (s->lines == LINES_LOCAL && !c->loopback))) {
        err_rule(&err, ERR_PROTO, "proto.lines", NULL,
                 "plain lines are not accepted here; use a RESP client, such as redis-cli --tls");
    } else {
        c->form = form;
        return true;
    }
    refuse_bytes(c, &err);
    return false;
}

/* -- early refusal: the payload of a command that will be refused anyway is never buffered -- */

/* True when it is certain that the command will not be run. */
static bool hopeless(const struct conn *c, const struct message *m)
{
    bool ready = c->state == CONN_READY;
    if (m->nargs == 0)
        return false;
    const struct intrinsic *i = intrinsic_find(m->args[0]);
    if (i)
        return !ready && !i->early;
    const struct command *command = ready ? intrinsic_command(c->server->registry, m->args[0]) : NULL;
    if (!command)
        return true;
    /* An identity read before the last change may lack a new right: then a lane has to look. */
    return c->identity->version == access_version() && !identity_may(c->identity, command);
}

static void refuse_early(struct conn *c, const struct message *m)
{
    const struct command *command = intrinsic_command(c->server->registry, m->args[0]);
    if (c->state != CONN_READY) {
        refuse_stranger(c);
    } else if (!command) {
        refuse_unknown(c, m);
    } else {
        struct err err = {0};
        err_rule(&err, ERR_NOPERM, "access.permission", NULL,
                 "no role of %s allows %s; an administrator sees with acl.why which role would", c->identity->name,
                 command->name);
        conn_refuse(c, &err);
    }
    conn_finish(c);
}

static struct slice unparsed(const struct conn *c)
{
    if (c->in.len == 0)
        return SLICE(""); /* there may be no memory yet to point into */
    return (struct slice){c->in.data + c->in_at, c->in.len - c->in_at};
}

static long parse(struct conn *c, struct message *m, struct err *err)
{
    message_clear(m);
    return codec_parse(c->form, unparsed(c), &c->server->wire[c->state == CONN_READY], m, err);
}

/* Half a second later: is it still not whole? */
static void check_early(struct conn *c)
{
    struct message *m = &c->server->message;
    struct err err = {0};
    if (c->state >= CONN_FINISHING || c->away || c->held || unparsed(c).len == 0)
        return;
    if (parse(c, m, &err) == 0 && hopeless(c, m))
        refuse_early(c, m);
}

/* A few bytes may be the beginning of a small message that a packet border has split: it gets its time. */
static void incomplete(struct conn *c, const struct message *m)
{
    if (filling(c) || !hopeless(c, m))
        return;
    if (unparsed(c).len >= EARLY_BYTES)
        refuse_early(c, m);
    else if (c->due != check_early)
        conn_later(c, EARLY_MS, check_early);
}

/* -- one message -- */

static void note(struct conn *c, struct slice name)
{
    size_t len = name.len < sizeof(c->last_command) ? name.len : sizeof(c->last_command) - 1;
    for (size_t i = 0; i < len; i++)
        c->last_command[i] = isgraph((unsigned char)name.data[i]) ? (char)tolower((unsigned char)name.data[i]) : '?';
    c->last_command[len] = '\0';
    c->requests++;
    c->server->stats.requests++;
}

static enum step answer(struct conn *c, const struct intrinsic *i, const struct message *m)
{
    struct buf *reply = &c->server->reply;
    int args = m->nargs - 1;
    if (c->state != CONN_READY && !(i && i->early)) {
        refuse_stranger(c);
    } else if (!i) {
        refuse_unknown(c, m);
    } else if (args < i->min_args || args > i->max_args) {
        struct err err = {0};
        err_set(&err, ERR_NOCOMMAND, "wrong number of arguments for '%s' command; usage: %s %s", i->name, i->name,
                i->usage);
        conn_refuse(c, &err);
    } else {
        buf_clear(reply);
        i->answer(c, m, reply);
        size_t len = reply->len;
        if (len)
            conn_reply(c, buf_view(reply));
        /* A long answer is sent before the next one is made: a few bytes of request must not cost much at a time. */
        c->full = c->full || (len > LONG_BYTES && c->state < CONN_FINISHING);
        if (len > LONG_BYTES)
            buf_clear(reply);
    }
    return STEP_MORE;
}

static enum step dispatch(struct conn *c, const struct message *m, size_t bytes)
{
    struct slice name = m->args[0];
    const struct intrinsic *i = intrinsic_find(name);
    const struct command *command = i || c->state != CONN_READY ? NULL : intrinsic_command(c->server->registry, name);
    if (command) {
        enum step step = add(c, command, m, bytes);
        if (step == STEP_MORE)
            note(c, name);
        return step;
    }
    if (filling(c))
        return STEP_STOP;
    bool stale = i && c->identity && c->identity->version != access_version();
    if (stale && sign_in_look_again(c))
        return STEP_STOP;
    c->in_at += bytes;
    note(c, name);
    return stale ? STEP_MORE : answer(c, i, m);
}

static enum step next(struct conn *c)
{
    if (c->away || c->held || c->full || c->state >= CONN_FINISHING || c->state == CONN_HANDSHAKE ||
        unparsed(c).len == 0 || c->server->draining)
        return STEP_STOP;
    if (c->form == CODEC_NONE && !choose(c, unparsed(c).data[0]))
        return STEP_STOP;
    struct message *m = &c->server->message;
    struct err err = {0};
    long bytes = parse(c, m, &err);
    if (bytes == 0) {
        incomplete(c, m);
        return STEP_STOP;
    }
    if (bytes < 0) {
        if (!filling(c))
            refuse_bytes(c, &err);
        return STEP_STOP;
    }
    if (c->due == check_early)
        conn_later(c, 0, NULL);
    if (m->nargs > 0)
        return dispatch(c, m, (size_t)bytes);
    c->in_at += (size_t)bytes;
    return STEP_MORE;
}

/* What the loop answers itself takes time from everybody: after a while the others come first. */
static void end_turn(struct conn *c)
{
    if (filling(c) || c->state >= CONN_FINISHING)
        return;
    c->full = true;
    conn_touch(c);
}

void feed_advance(struct conn *c)
{
    const uint64_t until = clock_mono_ns() + TURN_US * 1000;
    do {
        while (next(c) == STEP_MORE)
            if (clock_mono_ns() >= until)
                end_turn(c);
    } while (hand_off(c));
    if (c->state != CONN_NEW && c->state != CONN_READY)
        return;
    bool idle = !c->away && !c->held && !c->full;
    if (idle && c->server->draining)
        server_farewell(c);
    else if (idle && c->eof)
        conn_finish(c);
}

/* -- replies -- */

static void deliver_replies(struct conn *c, struct run *r)
{
    struct slice rest = buf_view(&r->out);
    for (int i = r->first; i < r->done && c->state != CONN_CLOSING; i++) {
        long len = reader_measure(rest);
        if (len <= 0) {
            struct err err = {0};
            log_error("net", "a lane gave %d of %d replies", i - r->first, r->done - r->first);
            err_set(&err, ERR_INTERNAL, "the reply was lost; if it was a write, ask again with the same idem");
            conn_refuse(c, &err);
            continue;
        }
        conn_reply(c, (struct slice){rest.data, (size_t)len});
        rest.data += len;
        rest.len -= (size_t)len;
    }
    buf_clear(&r->out);
    r->first = r->done;
    if (r->done == r->nrequests)
        reset(r);
}

/* From now on the lanes have looked, and found this. */
static void take_fresh(struct conn *c, struct run *run)
{
    if (!run->fresh || c->state != CONN_READY)
        return;
    identity_unref(c->identity);
    identity_unref(run->identity);
    c->identity = run->fresh;
    run->identity = identity_ref(run->fresh);
    run->fresh = NULL;
}

void feed_deliver(struct run *run)
{
    struct conn *c = run->owner;
    struct server *s = c->server;
    bool password = run->kind == RUN_PASSWORD;
    c->away = false;
    s->passwords -= password;
    if (c->state == CONN_CLOSING) {
        conn_release(c);
    } else if (run->kind != RUN_COMMANDS) {
        sign_in_deliver(c);
        conn_go_on(c);
    } else {
        take_fresh(c, run);
        if (run->shut_out && c->state == CONN_READY)
            sign_in_end(c);
        deliver_replies(c, run);
        conn_go_on(c);
    }
    if (password)
        sign_in_next(s);
}
