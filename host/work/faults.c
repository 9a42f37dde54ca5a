#include "work/faults.h"

#include "plugin/capsule.h"
#include "work/lane.h"

#include <string.h>

/* A plugin's fault becomes a capsule while the data are still as it found them: its savepoint was rolled back, or it only
 * read. It is run again inside a savepoint that is rolled back as well, so that nothing of it stays; the sequence of
 * the outer calls goes on as if nothing had been.
 *
 * A fault that goes up through the plugins that called is one fault, of the innermost. */

static bool is_same(struct calls *c, const struct err *err)
{
    bool same = strcmp(c->fault, err->text) == 0;
    memcpy(c->fault, err->text, sizeof(c->fault));
    return same;
}

/* Where the second run writes. 0, 1: nothing to be opened; or an error. */
static int open_again(struct calls *c, const struct call *call)
{
    const struct store_request none = {.at_ms = call->received_ms};
    struct buf unused = {0};
    if (store_role(c->store) != STORE_WRITER)
        return 1;
    if (call->depth > 0)
        return store_nested_begin(c->store, NULL);
    int rv = store_command_begin(c->store, &none, &unused, NULL);
    buf_close(&unused);
    return rv == STORE_NEW ? 0 : ERR_IO;
}

static void undo(struct calls *c, const struct call *call)
{
    if (call->depth > 0)
        store_nested_end(c->store, false, NULL);
    else
        store_command_abort(c->store);
}

void calls_fault(struct calls *c, const struct remote_task *task, const struct err *err)
{
    if (err->code != ERR_INTERNAL || is_same(c, err) || (c->lanes && c->lanes->options.scratch) ||
        (store_role(c->store) == STORE_WRITER && !store_batch_alive(c->store)) || !capsule_wanted(task, err))
        return;
    const bool access_changed = c->access_changed, switching = c->switching;
    bool listen = capsule_may_listen(task, err);
    int opened = listen ? open_again(c, task->call) : 1;
    if (opened < 0)
        return;
    capsule_make(listen ? c->runtime : NULL, c->registry, task, err);
    if (opened == 0)
        undo(c, task->call);
    c->access_changed = access_changed;
    c->switching = switching;
    if (task->call->depth == 0)
        store_limits(c->store, 0, 0, 0);
}
