#include "plugin/capsule.h"

#include "base/utf8.h"
#include "plugin/args.h"
#include "plugin/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a capsule holds. The recorder stands on the host's side of the line: it is told of each question with its answer
 * until there are too many, or one has to do with a secret; then the capsule says so, and the plugin runs on.
 *
 * A text of the plugin that was made of a secret argument (it may raise what it likes) is masked as well. */

enum { ARGS_BYTES = 4096, TRACE_BYTES = 8192, HEAD_BYTES = 64 * 1024, SECRET_MASK = 3 };

struct recording {
    const struct registry *registry;
    struct buf exchanges;
    size_t room;
    const char *short_of;
};

static bool takes_secret(const struct command *c)
{
    for (int i = 0; c && i < c->nargs; i++)
        if (c->args[i].secret)
            return true;
    return false;
}

/* Is another command called that takes one? */
static bool hands_secret(const struct recording *r, struct slice message)
{
    struct reader in = {message};
    struct slice word, name;
    int64_t size;
    return remote_take_array(&in, &size) == 0 && remote_take_text(&in, 20, &word) == 0 && slice_is(word, "invoke") &&
           remote_take_text(&in, 200, &name) == 0 && takes_secret(registry_command(r->registry, name));
}

static void put_blob(struct buf *out, struct slice bytes)
{
    struct reply r;
    reply_begin(&r, out, 0);
    reply_blob(&r, bytes);
    reply_finish(&r);
}

static void hear(void *arg, struct slice message, struct slice answer)
{
    struct recording *r = arg;
    if (r->short_of)
        return;
    if (hands_secret(r, message))
        r->short_of = "it goes on with a command that takes a secret";
    else if (r->exchanges.len + message.len + answer.len + 64 > r->room)
        r->short_of = "what it asks, and is told, is longer than a capsule";
    if (r->short_of)
        return;
    put_blob(&r->exchanges, message);
    put_blob(&r->exchanges, answer);
}

/* -- secrets -- */

/* Write "***" over what is the same as `secret`. */
static void mask(char *text, struct slice secret)
{
    char *at = text;
    while (secret.len > 0 && (at = memmem(at, strlen(at), secret.data, secret.len))) {
        const size_t stars = secret.len < SECRET_MASK ? secret.len : SECRET_MASK;
        memset(at, '*', stars);
        memmove(at + stars, at + secret.len, strlen(at + secret.len) + 1);
        at += stars;
    }
}

/* A text of the interpreter names places and variables. Any other is of the plugin's own making, and may hold a part of
 * the secret: what is kept of it is where it was raised, "plugin NAME, FILE:LINE:". */
static void mask_text(char *text, size_t size)
{
    const char *line = strstr(text, ".lua:");
    size_t keep = line ? (size_t)(line - text) + strlen(".lua:") : 0;
    if (strstr(text, ": attempt to "))
        return;
    keep += strspn(text + keep, "0123456789");
    snprintf(text + keep, size - keep, "%snot shown, for its arguments hold a secret", keep > 0 ? ": " : "");
}

static void mask_secrets(const struct remote_task *task, struct err *err)
{
    if (!takes_secret(task->command))
        return;
    mask_text(err->text, sizeof(err->text));
    err->arg[0] = err->state[0] = err->allowed[0] = '\0';
    for (int i = 0; i < task->command->nargs; i++)
        if (task->command->args[i].secret && task->args[i].s.data)
            mask(err->text, task->args[i].s);
}

/* -- the head -- */

static void key_slice(struct reply *r, const char *key, struct slice text)
{
    reply_key(r, key);
    reply_text(r, text);
}

static void key_blob(struct reply *r, const char *key, struct slice bytes)
{
    reply_key(r, key);
    reply_blob(r, bytes);
}

static void key_error(struct reply *r, const char *key, const struct err *err)
{
    struct buf text = {0};
    reply_error(&text, err);
    key_blob(r, key, buf_view(&text));
    buf_close(&text);
}

static void put_plugin(struct reply *r, const struct registry *registry, const struct remote_task *task)
{
    const char *name = task->command ? task->command->plugin : task->figure->plugin;
    const struct plugin *p = registry_plugin(registry, slice_of(name));
    char *folder = p && p->folder ? realpath(p->folder, NULL) : NULL;
    reply_key_cstr(r, "plugin", name);
    reply_key_cstr(r, "version", p ? p->version : "");
    if (p)
        key_blob(r, "hash", (struct slice){(const char *)p->hash, sizeof(p->hash)});
    reply_key_cstr(r, "folder", folder ? folder : p && p->folder ? p->folder : "");
    free(folder);
}

static void put_call(struct reply *r, const struct registry *registry, const struct call *call)
{
    reply_key_int(r, "generation", registry_generation(registry));
    reply_key_cstr(r, "user", call->user ? call->user : "");
    reply_key_cstr(r, "lang", call->lang ? call->lang : "en");
    reply_key_cstr(r, "scope", call->scope ? call->scope : "/");
    reply_key_int(r, "received", call->received_ms);
    reply_key_int(r, "now", call->now_ms);
    reply_key_int(r, "zone", call->zone_min);
    reply_key_int(r, "write", call->write);
}

static void put_args(struct reply *r, const struct remote_task *task)
{
    struct buf text = {0};
    const struct bound bound = {.values = (struct value *)(uintptr_t)task->args};
    const struct command figure = {.args = task->figure ? task->figure->args : NULL,
                                   .nargs = task->figure ? task->figure->nargs : 0};
    args_redacted(task->command ? task->command : &figure, &bound, ARGS_BYTES, &text);
    key_slice(r, "args", buf_view(&text));
    buf_close(&text);
}

static void put_trace(struct reply *r, const struct buf *trace)
{
    for (size_t i = 0; i < trace->len; i++)
        if ((unsigned char)trace->data[i] < ' ' && trace->data[i] != '\n' && trace->data[i] != '\t')
            trace->data[i] = ' '; /* it is shown on terminals */
    if (trace->len > 0 && utf8_valid(buf_view(trace)))
        key_slice(r, "trace", (struct slice){trace->data, utf8_cut(buf_view(trace), TRACE_BYTES)});
}

/* -- the whole -- */

/* Without its deadline: that is long past when it is played. */
static void put_task(const struct remote_task *task, struct buf *message)
{
    struct call call = *task->call;
    struct remote_task copy = *task;
    call.deadline_ns = 0;
    copy.call = &call;
    remote_put_task(&copy, message);
}

int capsule_record(struct runtime *rt, const struct registry *registry, const struct remote_task *task,
                   const struct err *err, int64_t at_ms, struct buf *out)
{
    struct recording rec = {.registry = registry};
    struct buf message = {0}, trace = {.max = HEAD_BYTES / 2}, reply = {0};
    struct err said = *err, again = {0};
    struct reply r;
    mask_secrets(task, &said);
    if (!rt)
        rec.short_of = takes_secret(task->command) ? "it takes a secret, of which nothing is kept"
                                                   : "it was not run again: it ended its process";
    else
        put_task(task, &message);
    if (message.len > CAPSULE_BYTES_MAX - HEAD_BYTES) {
        rec.short_of = "its arguments are longer than a capsule";
        buf_clear(&message);
    }
    rec.room = CAPSULE_BYTES_MAX - HEAD_BYTES - message.len;
    struct remote_task heard = *task;
    heard.heard = hear;
    heard.heard_arg = &rec;
    heard.trace = &trace;
    if (rt && runtime_listen(rt, &heard, &reply, &again) == 0)
        rec.short_of = "it did not fail when it was run again";
    reply_begin(&r, out, 0);
    reply_map_open(&r);
    reply_key_int(&r, "capsule", 1);
    reply_key_int(&r, "at", at_ms);
    reply_key_cstr(&r, "command", task->command ? task->command->name : task->figure->name);
    put_plugin(&r, registry, task);
    put_call(&r, registry, task->call);
    put_args(&r, task);
    key_error(&r, "error", &said);
    if (again.code != 0)
        key_error(&r, "again", &again);
    put_trace(&r, &trace);
    if (rec.short_of)
        reply_key_cstr(&r, "short_of", rec.short_of);
    if (message.len > 0)
        key_blob(&r, "task", buf_view(&message));
    reply_close(&r);
    int rv = reply_finish(&r);
    if (rv == 0)
        rv = buf_slice(out, buf_view(&rec.exchanges));
    buf_close(&message);
    buf_close(&trace);
    buf_close(&reply);
    buf_close(&rec.exchanges);
    return rv;
}
