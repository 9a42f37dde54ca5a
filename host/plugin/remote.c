#include "plugin/remote.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* The plugin's side: call_ops and a store that send what they are asked and wait for the answer. Whoever uses them, a
 * Lua binding or the C interface, does not notice. What a plugin can know by itself, its own translations, is not
 * asked for.
 *
 * Buffers are one per depth of asking, because an answer may be preceded by a command that asks again. */

enum { DEPTH = CALL_DEPTH_MAX + 4, FACTS = 10, QUERY = 5, ARGS_MAX = 256 /* of struct remote_received */ };

/* A text given out until the command ends. */
struct kept {
    struct kept *next;
    char text[];
};

struct remote_side {
    struct registry *registry;
    const struct remote_line *line;
    struct store *store;
    struct kept *kept;
    int running; /* commands, nested */
    int asking;
    struct {
        struct buf message, answer;
    } levels[DEPTH];
};

static struct remote_side *side_of(const struct call *call)
{
    return call->lane;
}

/* -- asking -- */

struct question {
    struct remote_side *side;
    struct reply message;
    struct buf *answer;
    struct reader r; /* behind the answer's header */
};

static int begin(struct question *q, struct call *call, const char *word, struct err *err)
{
    struct remote_side *side = side_of(call);
    if (side->asking == DEPTH)
        return err_rule(err, ERR_LIMIT, "limit.depth", NULL, "calls between plugins nest at most %d deep",
                        CALL_DEPTH_MAX);
    q->side = side;
    struct buf *message = &side->levels[side->asking].message;
    q->answer = &side->levels[side->asking].answer;
    buf_clear(message);
    buf_clear(q->answer);
    message->max = REMOTE_MESSAGE_MAX;
    reply_begin(&q->message, message, 0);
    reply_array_open(&q->message);
    reply_cstr(&q->message, word);
    return 0;
}

/* Send it; 0 with the reader behind the header of an array of `count`. */
static int ask_host(struct question *q, int64_t count, struct err *err)
{
    struct remote_side *side = q->side;
    struct err refused = {0};
    int64_t have;
    reply_close(&q->message);
    int rv = reply_finish(&q->message);
    if (rv != 0)
        return err_rule(err, ERR_TOOBIG, "limit.args", NULL, "what is asked of the host is longer than %d MiB",
                        REMOTE_MESSAGE_MAX / (1024 * 1024));
    side->asking++;
    rv = side->line->ask(side->line->arg, buf_view(q->message.out), q->answer, err);
    side->asking--;
    if (rv != 0)
        return rv;
    if (reader_error(buf_view(q->answer), &refused)) {
        if (err)
            *err = refused;
        return refused.code;
    }
    q->r.rest = buf_view(q->answer);
    if (remote_take_array(&q->r, &have) != 0 || have != count)
        return err_set(err, ERR_INTERNAL, "the host's answer makes no sense");
    return 0;
}

static int converse(struct call *call, const char *word, struct slice name, const struct named_arg *args, int nargs,
                    struct buf *reply, struct err *err)
{
    struct question q;
    int rv = begin(&q, call, word, err);
    if (rv != 0)
        return rv;
    reply_text(&q.message, name);
    for (int i = 0; i < nargs; i++) {
        reply_text(&q.message, args[i].name);
        reply_text(&q.message, args[i].text);
    }
    rv = ask_host(&q, 1, err);
    if (rv == 0 && buf_slice(reply, q.r.rest) != 0)
        rv = err_rule(err, ERR_TOOBIG, "limit.reply", NULL, "the reply of %.*s is too long", (int)name.len, name.data);
    return rv;
}

static int invoke(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                  struct err *err)
{
    return converse(call, "invoke", name, args, nargs, reply, err);
}

static int figure(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                  struct err *err)
{
    return converse(call, "ask", name, args, nargs, reply, err);
}

/* Ask with one or two texts. */
static int ask_texts(struct question *q, struct call *call, const char *word, const struct slice *texts, int count,
                     int64_t answers, struct err *err)
{
    int rv = begin(q, call, word, err);
    if (rv != 0)
        return rv;
    for (int i = 0; i < count; i++)
        reply_text(&q->message, texts[i]);
    return ask_host(q, answers, err);
}

static int next(struct call *call, struct slice series, int64_t *out, struct err *err)
{
    struct question q;
    int rv = ask_texts(&q, call, "next", &series, 1, 1, err);
    if (rv == 0 && remote_take_int(&q.r, out) != 0)
        rv = err_set(err, ERR_INTERNAL, "the host's answer makes no sense");
    return rv;
}

static struct slice keep(struct remote_side *side, struct slice text)
{
    struct kept *k = mem_alloc(sizeof(*k) + text.len + 1);
    memcpy(k->text, text.data, text.len);
    k->text[text.len] = '\0';
    k->next = side->kept;
    side->kept = k;
    return (struct slice){k->text, text.len};
}

static int setting(struct call *call, struct slice name, struct value *out, struct err *err)
{
    struct question q;
    *out = value_null();
    int rv = ask_texts(&q, call, "setting", &name, 1, 1, err);
    if (rv == 0 && remote_take_value(&q.r, out) != 0)
        rv = err_set(err, ERR_INTERNAL, "the host's answer makes no sense");
    if (rv == 0 && out->s.data)
        out->s = keep(q.side, out->s);
    return rv;
}

static int emit(struct call *call, struct slice topic, struct slice json, struct err *err)
{
    struct question q;
    const struct slice texts[] = {topic, json};
    return ask_texts(&q, call, "emit", texts, 2, 0, err);
}

static int unit_set(struct call *call, struct slice code, struct slice parent, struct err *err)
{
    struct question q;
    const struct slice texts[] = {code, parent};
    return ask_texts(&q, call, "unit_set", texts, 2, 0, err);
}

static int unit_path(struct call *call, struct slice code, struct buf *path, struct err *err)
{
    struct question q;
    struct slice text;
    int rv = ask_texts(&q, call, "unit_path", &code, 1, 1, err);
    if (rv == 0 && remote_take_text(&q.r, 64 * 1024, &text) != 0)
        rv = err_set(err, ERR_INTERNAL, "the host's answer makes no sense");
    return rv == 0 ? buf_slice(path, text) : rv;
}

static const char *translate(struct call *call, const char *fmt)
{
    const char *text = registry_translate(side_of(call)->registry, call->plugin, call->lang, fmt);
    return text ? text : fmt;
}

static const struct call_ops remote_ops = {
    .invoke = invoke,
    .figure = figure,
    .next = next,
    .setting = setting,
    .emit = emit,
    .unit_set = unit_set,
    .unit_path = unit_path,
    .translate = translate,
};

/* -- life -- */

struct remote_side *remote_side_new(struct registry *registry, const struct remote_line *line)
{
    struct remote_side *side = mem_zalloc(sizeof(*side));
    side->registry = registry;
    side->line = line;
    side->store = store_remote_new(line);
    return side;
}

static void forget(struct remote_side *side)
{
    while (side->kept) {
        struct kept *k = side->kept;
        side->kept = k->next;
        free(k);
    }
}

void remote_side_free(struct remote_side *side)
{
    if (!side)
        return;
    forget(side);
    store_close(side->store);
    for (int i = 0; i < DEPTH; i++) {
        buf_close(&side->levels[i].message);
        buf_close(&side->levels[i].answer);
    }
    free(side);
}

struct store *remote_side_store(struct remote_side *side)
{
    return side->store;
}

struct call remote_side_begin(struct remote_side *side, const struct call *real)
{
    struct call call = *real;
    call.ops = &remote_ops;
    call.lane = side;
    call.store = side->store;
    call.outer = NULL;
    side->running++;
    store_remote_enter(side->store);
    return call;
}

void remote_side_end(struct remote_side *side)
{
    store_remote_leave(side->store);
    if (--side->running == 0)
        forget(side);
}

/* -- running what the host says -- */

static int take_facts(struct reader *r, struct remote_received *in)
{
    struct call *f = &in->facts;
    int64_t deadline, zone, write;
    int bad = remote_take_int(r, &in->timeout_ms) || remote_take_int(r, &deadline) || remote_take_int(r, &f->now_ms) ||
              remote_take_int(r, &f->received_ms) || remote_take_cstr(r, &f->user) || remote_take_cstr(r, &f->person) ||
              remote_take_cstr(r, &f->lang) || remote_take_cstr(r, &f->scope) || remote_take_int(r, &zone) ||
              remote_take_int(r, &write);
    if (bad || !f->user || !f->lang || !f->scope)
        return ERR_PROTO;
    f->zone_min = (int)zone;
    f->write = write != 0;
    /* The clock is the same for all processes: what is left of the time is what counts. */
    int64_t left = (deadline - (int64_t)clock_mono_ns()) / 1000000 + 1;
    if (deadline != 0 && left < in->timeout_ms)
        in->timeout_ms = left > 1 ? left : 1;
    return 0;
}

static int take_query(struct reader *r, struct figure_query *q)
{
    return remote_take_cstr(r, &q->unit) || remote_take_cstr(r, &q->scope) || remote_take_cstr(r, &q->from) ||
                   remote_take_cstr(r, &q->to) || remote_take_int(r, &q->as_of_ms) || !q->scope
               ? ERR_PROTO
               : 0;
}

int remote_take_task(struct slice message, struct remote_received *in)
{
    struct reader r = {message};
    struct slice word;
    int64_t count;
    *in = (struct remote_received){.nargs = 0};
    if (remote_take_array(&r, &count) || remote_take_text(&r, 10, &word) || remote_take_text(&r, 200, &in->name) ||
        take_facts(&r, in))
        return ERR_PROTO;
    in->is_figure = slice_is(word, "figure");
    count -= 2 + FACTS + (in->is_figure ? QUERY : 0);
    if ((!in->is_figure && !slice_is(word, "run")) || (in->is_figure && take_query(&r, &in->query)) || count < 0 ||
        count > ARGS_MAX)
        return ERR_PROTO;
    for (; in->nargs < count; in->nargs++)
        if (remote_take_value(&r, &in->args[in->nargs]) != 0)
            return ERR_PROTO;
    return r.rest.len == 0 ? 0 : ERR_PROTO;
}

static int run_received(struct remote_side *side, struct runtime *rt, struct slice message, struct buf *out,
                        struct err *err)
{
    struct remote_received in;
    const struct command *command = NULL;
    const struct figure *fig = NULL;
    bool good = remote_take_task(message, &in) == 0;
    if (good && in.is_figure)
        good = (fig = registry_figure(side->registry, in.name)) && fig->nargs == in.nargs;
    else if (good)
        good = (command = registry_command(side->registry, in.name)) && command->nargs == in.nargs;
    if (!good)
        return err_set(err, ERR_INTERNAL, "the plugin's process does not know what it was asked to run");
    struct call call = remote_side_begin(side, &in.facts);
    int rv = command ? runtime_run(rt, command, &call, in.args, (int)in.timeout_ms, out, err)
                     : runtime_figure(rt, fig, &call, &in.query, in.args, out, err);
    remote_side_end(side);
    return rv;
}

void remote_run(struct remote_side *side, struct runtime *rt, struct buf *message, struct buf *result)
{
    struct err err = {0};
    size_t before = result->len;
    int rv = buf_text(result, "*1\r\n");
    if (rv == 0)
        rv = run_received(side, rt, buf_view(message), result, &err);
    if (rv != 0) {
        buf_truncate(result, before);
        reply_error(result, &err);
    }
}
