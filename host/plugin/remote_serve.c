#include "plugin/remote.h"

#include <string.h>

/* The host's side: a task becomes a message; each message of the plugin becomes a call of the real call_ops, which
 * decide what it may. The other side may be anybody's code, so every part of a message is checked before it is used.
 * What a text may be is left to the call_ops: they refuse one as they refuse it to a plugin inside, for it may be a
 * client's, and the plugin not to blame. */

enum { ARGS_MAX = 1000 };

/* -- what is to be run -- */

static void put_facts(struct reply *r, const struct remote_task *task)
{
    const struct call *call = task->call;
    reply_int(r, task->timeout_ms);
    reply_int(r, (int64_t)call->deadline_ns);
    reply_int(r, call->now_ms);
    reply_int(r, call->received_ms);
    reply_cstr(r, call->user ? call->user : "");
    reply_cstr(r, call->person);
    reply_cstr(r, call->lang ? call->lang : "en");
    reply_cstr(r, call->scope ? call->scope : "/");
    reply_int(r, call->zone_min);
    reply_int(r, call->write);
}

void remote_put_task(const struct remote_task *task, struct buf *message)
{
    struct reply r;
    const struct figure_query *q = task->query;
    int nargs = task->command ? task->command->nargs : task->figure->nargs;
    reply_begin(&r, message, 0);
    reply_array_open(&r);
    reply_cstr(&r, task->command ? "run" : "figure");
    reply_cstr(&r, task->command ? task->command->name : task->figure->name);
    put_facts(&r, task);
    if (!task->command) {
        reply_cstr(&r, q->unit);
        reply_cstr(&r, q->scope);
        reply_cstr(&r, q->from);
        reply_cstr(&r, q->to);
        reply_int(&r, q->as_of_ms);
    }
    for (int i = 0; i < nargs; i++)
        remote_put_value(&r, &task->args[i]);
    reply_close(&r);
    reply_finish(&r);
}

int remote_take_result(struct slice message, size_t max_bytes, struct buf *out, struct err *err)
{
    struct reader r = {message};
    struct err refused = {0};
    struct reply reply;
    int64_t count;
    if (reader_error(message, &refused)) {
        if (err)
            *err = refused;
        return refused.code;
    }
    if (remote_take_array(&r, &count) != 0 || count != 1)
        return ERR_PROTO;
    reply_begin(&reply, out, max_bytes);
    reply_raw(&reply, r.rest);
    int rv = reply_finish(&reply);
    if (rv == ERR_TOOBIG)
        return err_rule(err, rv, "limit.reply", NULL, "the reply is longer than %zu KiB; ask for less at once",
                        max_bytes / 1024);
    return rv == 0 ? 0 : ERR_PROTO;
}

/* -- what is asked -- */

struct asked {
    struct call *call;
    struct reader r;
    int64_t count; /* elements left */
    struct buf *answer;
};

static int take_args(struct asked *a, int nargs, struct named_arg *args)
{
    for (int i = 0; i < nargs; i++)
        if (remote_take_string(&a->r, &args[i].name) != 0 || remote_take_string(&a->r, &args[i].text) != 0)
            return ERR_PROTO;
    return a->r.rest.len == 0 ? 0 : ERR_PROTO;
}

/* `[REPLY]`: the reply is appended by whoever makes it. */
static int serve_call(struct asked *a, bool is_figure, struct err *err)
{
    struct named_arg args[ARGS_MAX];
    struct slice name;
    if (a->count < 1 || a->count % 2 == 0 || remote_take_string(&a->r, &name) != 0)
        return ERR_PROTO;
    if (a->count / 2 > ARGS_MAX)
        return err_rule(err, ERR_LIMIT, "limit.args", NULL, "a call has at most %d arguments", ARGS_MAX);
    const int nargs = (int)(a->count / 2);
    if (take_args(a, nargs, args) != 0)
        return ERR_PROTO;
    int rv = buf_text(a->answer, "*1\r\n");
    if (rv == 0 && is_figure)
        rv = a->call->ops->figure(a->call, name, args, nargs, a->answer, err);
    else if (rv == 0)
        rv = a->call->ops->invoke(a->call, name, args, nargs, a->answer, err);
    return rv;
}

/* Exactly `want` texts. */
static int take_strings(struct asked *a, int want, struct slice *out)
{
    if (a->count != want)
        return ERR_PROTO;
    for (int i = 0; i < want; i++)
        if (remote_take_string(&a->r, &out[i]) != 0)
            return ERR_PROTO;
    return a->r.rest.len == 0 ? 0 : ERR_PROTO;
}

static int serve_next(struct asked *a, struct reply *answer, struct err *err)
{
    struct slice series;
    int64_t number = 0;
    if (take_strings(a, 1, &series) != 0)
        return ERR_PROTO;
    int rv = a->call->ops->next(a->call, series, &number, err);
    reply_int(answer, number);
    return rv;
}

static int serve_setting(struct asked *a, struct reply *answer, struct err *err)
{
    struct slice name;
    struct value v = value_null();
    if (take_strings(a, 1, &name) != 0)
        return ERR_PROTO;
    int rv = a->call->ops->setting(a->call, name, &v, err);
    remote_put_value(answer, &v);
    return rv;
}

static int serve_emit(struct asked *a, struct err *err)
{
    struct slice texts[2];
    return take_strings(a, 2, texts) != 0 ? ERR_PROTO : a->call->ops->emit(a->call, texts[0], texts[1], err);
}

static int serve_unit_set(struct asked *a, struct err *err)
{
    struct slice texts[2];
    return take_strings(a, 2, texts) != 0 ? ERR_PROTO : a->call->ops->unit_set(a->call, texts[0], texts[1], err);
}

static int serve_unit_path(struct asked *a, struct reply *answer, struct err *err)
{
    struct slice code;
    struct buf path = {0};
    if (take_strings(a, 1, &code) != 0)
        return ERR_PROTO;
    int rv = a->call->ops->unit_path(a->call, code, &path, err);
    if (rv == 0)
        reply_text(answer, buf_view(&path));
    buf_close(&path);
    return rv;
}

/* One of the questions whose answer is an array of at most one value. 1: none of them. */
static int serve_host(struct asked *a, struct slice word, struct reply *answer, struct err *err)
{
    int rv = 1;
    reply_array_open(answer);
    if (slice_is(word, "next"))
        rv = serve_next(a, answer, err);
    else if (slice_is(word, "setting"))
        rv = serve_setting(a, answer, err);
    else if (slice_is(word, "emit"))
        rv = serve_emit(a, err);
    else if (slice_is(word, "unit_set"))
        rv = serve_unit_set(a, err);
    else if (slice_is(word, "unit_path"))
        rv = serve_unit_path(a, answer, err);
    reply_close(answer);
    return rv;
}

static int serve(struct asked *a, struct remote_cursors *cursors, struct slice word, struct err *err)
{
    struct call *call = a->call;
    struct reply answer;
    if (slice_is(word, "invoke") || slice_is(word, "ask"))
        return serve_call(a, slice_is(word, "ask"), err);
    reply_begin(&answer, a->answer, 0);
    int rv = store_remote_serve(call->store, call->plugin, cursors, word, &a->r, a->count, &answer, err);
    if (rv == 1)
        rv = serve_host(a, word, &answer, err);
    if (rv == 0 && reply_finish(&answer) != 0)
        rv = err_set(err, ERR_TOOBIG, "the answer is too long");
    return rv == 1 ? ERR_PROTO : rv;
}

int remote_serve(struct call *call, struct remote_cursors *cursors, struct slice message, struct buf *answer)
{
    struct asked a = {.call = call, .r = {message}, .answer = answer};
    struct err err = {0};
    struct slice word;
    size_t before = answer->len;
    if (remote_take_array(&a.r, &a.count) != 0 || a.count-- < 1 || remote_take_text(&a.r, 20, &word) != 0)
        return ERR_PROTO;
    int rv = serve(&a, cursors, word, &err);
    if (rv == 0)
        return 0;
    buf_truncate(answer, before);
    if (rv == ERR_PROTO && err.code == 0)
        return ERR_PROTO;
    if (err.code == 0)
        err_set(&err, ERR_INTERNAL, "the host could not answer");
    reply_error(answer, &err);
    return 0;
}
