#include "plugin/running.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A running command of a C plugin is a struct muster_call on the lane's stack. Its first failure is noted and sticks:
 * whatever the plugin goes on to do, the command fails with it, so nobody has to check every reply function. Memory,
 * rows and texts of the command belong to it and end with it. A pure command has no database and no host behind it: a
 * function that it may not use fails it, in whatever process it runs.
 *
 * The lane's thread runs all of it. Nothing can interrupt C code: `stopped` tells the time, and one that does not ask
 * ends its process by the watchdog. */

/* -- memory -- */

void *running_take(struct chunk **list, size_t size)
{
    size = (size + 15) / 16 * 16;
    struct chunk *c = *list;
    if (!c || c->size - c->used < size) {
        size_t room = size > RUNNING_CHUNK_BYTES ? size : RUNNING_CHUNK_BYTES;
        c = mem_alloc(sizeof(*c) + room);
        *c = (struct chunk){.next = *list, .size = room};
        *list = c;
    }
    void *out = c->bytes + c->used;
    c->used += size;
    return out;
}

void running_drop(struct chunk **list, bool keep)
{
    struct chunk *kept = NULL;
    while (*list) {
        struct chunk *c = *list;
        *list = c->next;
        if (keep && !kept && c->size == RUNNING_CHUNK_BYTES) {
            kept = c;
            kept->next = NULL;
            kept->used = 0;
        } else {
            free(c);
        }
    }
    *list = kept;
}

struct muster_text running_text(struct chunk **list, struct slice text)
{
    char *out = running_take(list, text.len + 1);
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return (struct muster_text){out, text.len};
}

void running_give(struct chunk **texts, const struct value *v, struct muster_value *out)
{
    *out = (struct muster_value){.type = MUSTER_NULL};
    switch (v->type) {
    case VALUE_NULL:
        return;
    case VALUE_INT:
    case VALUE_BOOL:
        out->type = v->type == VALUE_INT ? MUSTER_INT : MUSTER_BOOL;
        out->i = v->i;
        return;
    case VALUE_DOUBLE:
        out->type = MUSTER_DOUBLE;
        out->d = v->d;
        return;
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BLOB:
        out->type = v->type == VALUE_TEXT ? MUSTER_TEXT : v->type == VALUE_JSON ? MUSTER_JSON : MUSTER_BLOB;
        out->s = texts ? running_text(texts, v->s) : (struct muster_text){v->s.data, v->s.len};
        return;
    }
}

/* -- failing -- */

struct err *running_note(struct muster_call *m)
{
    return m->err.code == 0 ? &m->err : NULL;
}

int running_failed(struct muster_call *m, const char *why)
{
    err_set(running_note(m), ERR_INTERNAL, "plugin %s, command %s: %s", m->call->plugin, m->call->command, why);
    return MUSTER_FAILED;
}

int running_refused(struct muster_call *m, int rv, const struct err *err)
{
    if (m->err.code == 0) {
        m->err = *err;
        m->err.code = rv;
    }
    return MUSTER_FAILED;
}

bool running_may(struct muster_call *m, const char *function)
{
    if (m->pure)
        err_set(running_note(m), ERR_INTERNAL, "plugin %s, command %s: a pure command may not use `%s`",
                m->call->plugin, m->call->command, function);
    return m->err.code == 0;
}

bool running_count(struct muster_call *m, size_t size)
{
    if (m->err.code != 0)
        return false;
    if (size > RUNNING_BYTES_MAX || m->taken > RUNNING_BYTES_MAX - size) {
        err_rule(&m->err, ERR_LIMIT, "limit.memory", NULL,
                 "plugin %s, command %s: it needs more than %d MiB of memory; nothing was kept; ask for less at once",
                 m->call->plugin, m->call->command, RUNNING_BYTES_MAX / (1024 * 1024));
        return false;
    }
    /* Nothing at all counts, too: else it would be without bound. */
    m->taken += size + 16;
    return true;
}

bool running_keep(struct muster_call *m, struct slice text, struct muster_text *out)
{
    *out = (struct muster_text){NULL, 0};
    if (!running_count(m, text.len))
        return false;
    *out = running_text(&m->chunks, text);
    return true;
}

void running_close(struct muster_rows *rows)
{
    cursor_close(rows->cursor);
    rows->cursor = NULL;
    running_drop(&rows->texts, false);
}

/* -- running -- */

/* The reply is held against what was declared. */
static int fit(const struct command *c, const struct buf *out, size_t before, struct err *err)
{
    struct err wrong = {0};
    int rv = shape_fits(c->returns, (struct slice){out->data + before, out->len - before}, &wrong);
    return rv ? err_set(err, rv, "plugin %s, command %s: %s", c->plugin, c->name, wrong.text) : 0;
}

/* How the command ended: by what was noted first, by what it returned, or by its reply. */
static int conclude(struct muster_call *m, int returned, struct err *err)
{
    if (m->err.code == 0 && returned != MUSTER_OK) {
        if (native_host.stopped(m))
            err_set(&m->err, ERR_TIMEOUT, "command %s: stopped at its deadline", m->call->command);
        else if (m->reply->code == 0)
            running_failed(m, "it failed and did not say why");
    }
    if (m->err.code == 0)
        return 0;
    if (err)
        *err = m->err;
    return m->err.code;
}

static void begin(struct muster_call *m, struct call *call, struct reply *reply, bool pure)
{
    m->call = call;
    m->reply = reply;
    m->pure = pure;
    m->err.code = 0;
    m->err.rule[0] = m->err.arg[0] = m->err.state[0] = m->err.allowed[0] = m->err.text[0] = '\0';
    m->chunks = NULL;
    m->taken = 0;
    m->values = NULL;
    m->cap_values = 0;
    m->nrows = 0;
}

static void end(struct muster_call *m)
{
    for (int i = 0; i < m->nrows; i++)
        if (m->rows[i].cursor)
            running_close(&m->rows[i]);
    running_drop(&m->chunks, false);
    free(m->values);
}

int native_call(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct command *c = call->declared;
    const struct muster_command *own = c->native_data;
    struct muster_value values[NATIVE_ARGS_MAX + 1];
    struct muster_call m;
    if (!own->run)
        return err_set(err, ERR_INTERNAL, "plugin %s runs in a process of its own", c->plugin);
    begin(&m, call, reply, c->pure);
    for (int i = 0; i < c->nargs; i++)
        running_give(&m.chunks, &args[i], &values[i]);
    const size_t before = reply->out->len;
    int rv = conclude(&m, own->run(&native_host, &m, values), err);
    end(&m);
    if (rv == 0 && reply->code == 0 && reply->depth == 0 && reply->out->len > before) /* else it is refused anyway */
        rv = fit(c, reply->out, before, err);
    return rv;
}

int native_call_pure(const struct command *command, struct call *outer, const struct value *args, struct buf *out,
                     size_t max_bytes, struct err *err)
{
    const struct muster_command *own = command->native_data;
    struct muster_value values[NATIVE_ARGS_MAX + 1];
    struct call call = *outer;
    struct muster_call m;
    struct reply reply;
    call.plugin = command->plugin;
    call.command = command->name;
    call.declared = command;
    call.outer = outer;
    const size_t before = out->len;
    reply_begin(&reply, out, max_bytes);
    begin(&m, &call, &reply, true);
    for (int i = 0; i < command->nargs; i++)
        running_give(NULL, &args[i], &values[i]);
    int rv = conclude(&m, own->run(&native_host, &m, values), err);
    end(&m);
    if (rv == 0 && reply_finish(&reply) != 0)
        rv = reply.code == ERR_TOOBIG
                 ? err_rule(err, ERR_TOOBIG, "limit.reply", NULL,
                            "command %s: its reply is longer than %zu KiB; ask for less at once", command->name,
                            max_bytes / 1024)
                 : err_set(err, ERR_INTERNAL, "command %s: its reply is not one whole value", command->name);
    if (rv == 0)
        rv = fit(command, out, before, err);
    if (rv != 0)
        buf_truncate(out, before);
    return rv;
}
