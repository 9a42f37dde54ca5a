#include "work/calls.h"

#include "base/log.h"
#include "work/faults.h"
#include "work/words.h"

#include <stdlib.h>
#include <string.h>

/* A lane's calls share buffers: one frame for each depth, because the arguments of an outer call must stay while an
 * inner one runs. What is asked for by name and handed out as text (settings, figure arguments) is kept in a list
 * until the next request; few requests make any. */

enum { WRITE_MS = 250, READ_MS = 2000, HOST_WRITE_MS = 60 * 1000, SLOW_MS = 30 * 60 * 1000 };

struct kept {
    struct kept *next;
    char text[];
};

struct slice calls_keep(struct calls *c, struct slice text)
{
    struct kept *k = mem_alloc(sizeof(*k) + text.len + 1);
    if (text.len)
        memcpy(k->text, text.data, text.len);
    k->text[text.len] = '\0';
    k->next = c->kept;
    c->kept = k;
    return (struct slice){k->text, text.len};
}

void calls_forget(struct calls *c)
{
    c->fault[0] = '\0';
    while (c->kept) {
        struct kept *next = c->kept->next;
        free(c->kept);
        c->kept = next;
    }
}

void calls_close(struct calls *c)
{
    calls_forget(c);
    for (int i = 0; i <= CALL_DEPTH_MAX; i++) {
        bound_close(&c->frames[i].bound);
        buf_close(&c->frames[i].text);
        free(c->frames[i].words);
    }
    free(c->units);
    buf_close(&c->paths);
    buf_close(&c->path);
}

struct slice call_idem(const struct call *call)
{
    return calls_of(call)->frames[0].bound.idem;
}

/* A version taken now would be too new for a snapshot that began before: a right revoked in between would stay. */
int calls_identity(struct calls *c, struct run *run, const struct identity **out, struct err *err)
{
    const struct identity *id = run->fresh ? run->fresh : run->identity;
    if (!id->host && (id->version != c->version || c->access_changed)) {
        struct identity *fresh = NULL;
        int rv = identity_refresh(c->store, id, &fresh, err);
        run->shut_out = rv == ERR_NOAUTH || rv == ERR_NOTFOUND;
        if (rv)
            return rv;
        fresh->version = c->version;
        identity_unref(run->fresh);
        run->fresh = fresh;
        id = fresh;
    }
    *out = id;
    return 0;
}

struct call calls_begin(const struct run *run, int index)
{
    return (struct call){.user = run->identity->name,
                         .lang = run->lang[0] ? run->lang : run->identity->lang,
                         .command = run->requests[index].command->name};
}

int calls_timeout(const struct command *command)
{
    if (command->timeout_ms > 0)
        return command->timeout_ms;
    if (command->mode == MODE_READ)
        return READ_MS;
    if (command->mode == MODE_SLOW)
        return SLOW_MS;
    return command->native ? HOST_WRITE_MS : WRITE_MS; /* a migration may be long */
}

static int time_of(const struct calls *c, const struct command *command)
{
    const int own = calls_timeout(command), asked = c->frames[0].bound.timeout_ms;
    return asked > 0 && asked < own ? asked : own;
}

int calls_run(struct calls *c, const struct command *command, struct call *call, struct buf *out, struct err *err)
{
    return runtime_run(c->runtime, command, call, c->frames[0].bound.values, time_of(c, command), out, err);
}

void calls_look_at(struct calls *c, struct call *call, const struct err *err)
{
    const struct remote_task task = {
        .command = c->command, .args = c->frames[0].bound.values, .call = call, .timeout_ms = time_of(c, c->command)};
    if (err->code == ERR_INTERNAL)
        calls_fault(c, &task, err);
}

void calls_refuse(const struct call *call, const struct err *err, struct buf *out)
{
    log_debug("work", "%s of %s refused: %s %s: %s", call->command, call->user, err_token(err->code), err->rule,
              err->text);
    struct err shown = *err;
    words_localise(call->lang, &shown);
    reply_error(out, &shown);
}
