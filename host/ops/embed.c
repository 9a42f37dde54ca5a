#include "ops/embed.h"

#include "base/clock.h"

#include <stdlib.h>
#include <stdio.h>

/* One request at a time through the lanes, as the loop would do it: looked up in the registry of the moment, put, waited
 * for, taken back. After each the registry is asked for again, so that a request which changed the plugins is followed
 * by ones that know the new. */

enum { WAIT_MS = 1000 };

struct embed {
    struct lanes *lanes;
    struct registry *registry;
};

static void renew(struct embed *e)
{
    struct registry *old = e->registry;
    e->registry = lanes_registry(e->lanes);
    registry_unref(old);
}

int embed_open(const struct lanes_options *options, struct embed **out, struct err *err)
{
    struct embed *e = mem_zalloc(sizeof(*e));
    struct lanes_options o = *options;
    o.wake = NULL;
    int rv = lanes_start(&o, &e->lanes, err);
    if (rv) {
        free(e);
        return rv;
    }
    renew(e);
    *out = e;
    return 0;
}

static int unknown(const struct embed *e, struct slice name, struct err *err)
{
    const char *near = name.len <= 64 ? registry_suggest(e->registry, name) : NULL;
    const int shown = name.len > 100 ? 100 : (int)name.len;
    if (near)
        return err_rule(err, ERR_NOTFOUND, "call.unknown", NULL, "there is no command %.*s; did you mean %s?", shown,
                        name.data, near);
    return err_rule(err, ERR_NOTFOUND, "call.unknown", NULL, "there is no command %.*s", shown, name.data);
}

/* Put the run and wait until all of it is answered. */
static int travel(struct embed *e, struct run *run, struct err *err)
{
    while (run->done < run->nrequests) {
        run->first = run->done;
        int rv = lanes_put(e->lanes, run);
        if (rv)
            return err_rule(err, ERR_BUSY, "busy.stopping", NULL,
                            "the database belongs to another server now, or the host is stopping");
        while (!lanes_wait(e->lanes, WAIT_MS))
            ;
        struct run *back;
        lanes_take(e->lanes, &back, 1);
    }
    return 0;
}

int embed_call(struct embed *e, struct identity *identity, const char *lang, int64_t now_ms, const struct slice *words,
               int nwords, struct buf *reply, struct err *err)
{
    const struct command *command = nwords > 0 ? registry_command(e->registry, words[0]) : NULL;
    if (!command)
        return unknown(e, nwords > 0 ? words[0] : SLICE(""), err);
    struct run *run = run_new(RUN_COMMANDS, command->mode, e->registry, identity);
    if (lang)
        snprintf(run->lang, sizeof(run->lang), "%s", lang);
    run->received_ms = now_ms ? now_ms : clock_now_ms();
    run_add(run, command, words + 1, nwords - 1);
    int rv = travel(e, run, err);
    if (rv == 0)
        rv = buf_slice(reply, buf_view(&run->out));
    run_free(run);
    renew(e);
    return rv;
}

struct lanes *embed_lanes(struct embed *e)
{
    return e->lanes;
}

struct registry *embed_registry(struct embed *e)
{
    return e->registry;
}

void embed_close(struct embed *e)
{
    if (!e)
        return;
    lanes_stop(e->lanes);
    registry_unref(e->registry);
    lanes_free(e->lanes);
    free(e);
}
