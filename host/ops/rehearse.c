#include "ops/rehearse.h"

#include "access/identity.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "ops/install_commands.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Two hosts, each on its own copy: one with the plugins that run, one with those of the stage. The same calls go to both,
 * in their order, as their users and at their business times. What differs is told: replies, rights, time. The calls
 * were made once already, so both copies hold what they made; both answer from there, and the difference between them is
 * the new plugins'. */

enum { SHOWN_MAX = 50, SHOWN_BYTES = 300, GRANTS_MAX = 200 };

/* -- playing -- */

/* One argument as a client would send it. */
static void put_word(const char *key, const json_t *value, struct buf *out)
{
    buf_fmt(out, "%s=", key);
    if (json_is_string(value)) {
        buf_append(out, json_string_value(value), json_string_length(value));
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        buf_text(out, text);
        free(text);
    }
}

static int play(struct embed *host, const struct rehearsed *call, struct buf *reply, int64_t *us, struct err *err)
{
    enum { WORDS_MAX = 64 };
    struct buf words[WORDS_MAX] = {{0}};
    struct slice list[WORDS_MAX + 1] = {slice_of(call->command)};
    int count = 0;
    const char *key;
    json_t *args = json_loads(call->args, 0, NULL), *value;
    json_object_foreach(args, key, value)
    {
        if (count < WORDS_MAX) {
            put_word(key, value, &words[count]);
            list[count + 1] = buf_view(&words[count]);
            count++;
        }
    }
    const uint64_t started = clock_mono_ns();
    int rv = embed_call(host, call->identity, "en", call->at_ms, list, count + 1, reply, err);
    *us = (int64_t)((clock_mono_ns() - started) / 1000);
    if (rv == ERR_NOTFOUND) { /* it is not there any more: that is its reply */
        reply_error(reply, err);
        rv = 0;
    }
    for (int i = 0; i < count; i++)
        buf_close(&words[i]);
    json_decref(args);
    return rv;
}

/* A reply as JSON, cut. */
static char *shown(const struct buf *canonical)
{
    struct buf json = {0};
    struct err refused = {0};
    if (reader_error(buf_view(canonical), &refused))
        buf_fmt(&json, "%s %s: %s", err_token(refused.code), refused.rule, refused.text);
    else
        render_json(buf_view(canonical), &json);
    const struct slice whole = buf_view(&json);
    char *text = mem_dup_slice((struct slice){whole.data, utf8_cut(whole, SHOWN_BYTES)});
    buf_close(&json);
    return text;
}

/* One call on both sides. What they answered is kept only as far as it is told. */
static int compare(struct embed *old, struct embed *new, struct rehearsed *call, int *told, struct err *err)
{
    struct buf before = {0}, after = {0};
    int rv = play(old, call, &before, &call->before_us, err);
    if (rv == 0)
        rv = play(new, call, &after, &call->after_us, err);
    call->differs = rv == 0 && !slice_eq(buf_view(&before), buf_view(&after));
    struct err why = {0};
    call->refused = rv == 0 && !call->differs && reader_error(buf_view(&before), &why);
    if (call->differs && *told < SHOWN_MAX) {
        call->before = shown(&before);
        call->after = shown(&after);
        ++*told;
    }
    buf_close(&before);
    buf_close(&after);
    return rv;
}

static int play_all(struct calls *c, const struct registry *new, struct rehearsal *r, struct err *err)
{
    struct dry one = {0}, other = {0};
    int told = 0, rv = dry_copy(c, NULL, &one, err);
    if (rv == 0) /* not the database once more: it is written to meanwhile */
        rv = dry_copy(c, &one, &other, err);
    if (rv == 0)
        rv = dry_open(c, NULL, c->registry, &one, err);
    if (rv == 0)
        rv = dry_open(c, NULL, new, &other, err);
    for (int i = 0; rv == 0 && i < r->count; i++) {
        if (lanes_stopping(c->lanes))
            rv =
                err_rule(err, ERR_BUSY, "busy.stopping", NULL, "the server is stopping; send it again when it is back");
        else if (!r->calls[i].skipped)
            rv = compare(one.host, other.host, &r->calls[i], &told, err);
    }
    dry_close(&one);
    dry_close(&other);
    return rv;
}

/* -- telling -- */

static int tell_changes(const struct rehearsal *r, struct reply *reply)
{
    int changed = 0;
    reply_key(reply, "changed");
    reply_array_open(reply);
    for (int i = 0; i < r->count; i++) {
        const struct rehearsed *call = &r->calls[i];
        changed += call->differs;
        if (!call->before)
            continue;
        reply_map_open(reply);
        reply_key_int(reply, "id", call->id);
        reply_key_cstr(reply, "user", call->user);
        reply_key_cstr(reply, "command", call->command);
        reply_key_cstr(reply, "args", call->args);
        reply_key_cstr(reply, "before", call->before);
        reply_key_cstr(reply, "after", call->after);
        reply_close(reply);
    }
    reply_close(reply);
    return changed;
}

static void tell_skipped(const struct rehearsal *r, struct reply *reply)
{
    reply_key(reply, "skipped");
    reply_array_open(reply);
    for (int i = 0; i < r->count; i++) {
        int count = 0;
        bool first = r->calls[i].skipped != NULL;
        for (int k = 0; first && k < r->count; k++) {
            const bool same =
                r->calls[k].skipped == r->calls[i].skipped && strcmp(r->calls[k].command, r->calls[i].command) == 0;
            first = !(same && k < i);
            count += same;
        }
        if (!first)
            continue;
        reply_map_open(reply);
        reply_key_cstr(reply, "command", r->calls[i].command);
        reply_key_int(reply, "calls", count);
        reply_key_cstr(reply, "why", r->calls[i].skipped);
        reply_close(reply);
    }
    reply_close(reply);
}

/* -- time -- */

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(int64_t *list, int count)
{
    qsort(list, (size_t)count, sizeof(*list), by_number);
    return list[count / 2];
}

static int by_command(const void *a, const void *b)
{
    const struct rehearsed *const *x = a, *const *y = b;
    return strcmp((*x)->command, (*y)->command);
}

static void tell_command(struct rehearsed **calls, int count, struct reply *reply)
{
    int64_t *before = mem_alloc((size_t)count * sizeof(*before)), *after = mem_alloc((size_t)count * sizeof(*after));
    int changed = 0;
    for (int i = 0; i < count; i++) {
        before[i] = calls[i]->before_us;
        after[i] = calls[i]->after_us;
        changed += calls[i]->differs;
    }
    reply_map_open(reply);
    reply_key_cstr(reply, "command", calls[0]->command);
    reply_key_int(reply, "calls", count);
    reply_key_int(reply, "changed", changed);
    reply_key_int(reply, "before_us", median(before, count));
    reply_key_int(reply, "after_us", median(after, count));
    reply_close(reply);
    free(before);
    free(after);
}

static void tell_time(const struct rehearsal *r, struct reply *reply)
{
    struct rehearsed **played = mem_alloc((size_t)(r->count + 1) * sizeof(struct rehearsed *));
    int count = 0;
    for (int i = 0; i < r->count; i++)
        if (!r->calls[i].skipped)
            played[count++] = &r->calls[i];
    qsort(played, (size_t)count, sizeof(struct rehearsed *), by_command);
    reply_key(reply, "commands");
    reply_array_open(reply);
    for (int from = 0, to = 0; from < count; from = to) {
        while (to < count && strcmp(played[to]->command, played[from]->command) == 0)
            to++;
        tell_command(played + from, to - from, reply);
    }
    reply_close(reply);
    free(played);
}

/* -- rights: who may call what there is on one side only, or what became a write -- */

static void tell_grant(struct reply *reply, const struct identity *id, const char *command, bool before, bool after)
{
    reply_map_open(reply);
    reply_key_cstr(reply, "user", id->name);
    reply_key_cstr(reply, "command", command);
    reply_key_bool(reply, "before", before);
    reply_key_bool(reply, "after", after);
    reply_close(reply);
}

static int tell_user(struct reply *reply, const struct identity *id, const struct registry *old,
                     const struct registry *new, int left)
{
    const struct command *const *list;
    int told = 0, count = registry_commands(new, &list);
    for (int i = 0; i < count && told < left; i++) {
        const struct command *was = registry_command(old, slice_of(list[i]->name));
        const bool before = was && identity_may(id, was), after = identity_may(id, list[i]);
        if (before != after) {
            tell_grant(reply, id, list[i]->name, before, after);
            told++;
        }
    }
    count = registry_commands(old, &list);
    for (int i = 0; i < count && told < left; i++)
        if (!registry_command(new, slice_of(list[i]->name)) && identity_may(id, list[i])) {
            tell_grant(reply, id, list[i]->name, true, false);
            told++;
        }
    return told;
}

static int tell_grants(struct calls *c, const struct registry *new, struct reply *reply, struct err *err)
{
    struct cursor *cursor = NULL;
    struct value id;
    int told = 0, rv = store_read_begin(c->store, err);
    reply_key(reply, "grants");
    reply_array_open(reply);
    if (rv == 0)
        rv = store_query(c->store, NULL, SLICE("SELECT id FROM muster_user ORDER BY name"), NULL, 0, &cursor, err);
    while (rv == 0 && told < GRANTS_MAX && (rv = cursor_step(cursor, err)) == 1) {
        struct identity *who = NULL;
        struct err gone = {0};
        cursor_value(cursor, 0, &id);
        rv = 0;
        if (identity_read(c->store, id.i, "", &who, &gone) == 0)
            told += tell_user(reply, who, c->registry, new, GRANTS_MAX - told);
        identity_unref(who);
    }
    cursor_close(cursor);
    store_read_end(c->store);
    reply_close(reply);
    return rv < 0 ? rv : 0;
}

static int tell(struct calls *c, const struct registry *new, const struct rehearsal *r, struct reply *reply,
                struct err *err)
{
    int played = 0, refused = 0;
    for (int i = 0; i < r->count; i++) {
        played += r->calls[i].id && !r->calls[i].skipped;
        refused += r->calls[i].id && r->calls[i].refused;
    }
    reply_map_open(reply);
    reply_key_int(reply, "played", played);
    reply_key_int(reply, "refused", refused);
    tell_skipped(r, reply);
    const int changed = tell_changes(r, reply);
    reply_key_int(reply, "changes", changed);
    int rv = tell_grants(c, new, reply, err);
    tell_time(r, reply);
    reply_close(reply);
    return rv;
}

/* The slow lane watches; as long as it plays it does not. */
static int check_watched(struct calls *c, struct err *err)
{
    const int64_t number = registry_generation(c->registry);
    struct set running = {0};
    int rv = store_read_begin(c->store, err);
    if (rv == 0)
        rv = record_read(c->store, number, &running, err);
    store_read_end(c->store);
    if (rv == 1 && strcmp(running.state, STATE_PROBATION) == 0)
        rv = err_rule(
            err, ERR_BUSY, "plugin.probation", NULL,
            "generation %lld is being watched, which a rehearsal would stop; try again when it has proved itself",
            (long long)number);
    set_close(&running);
    return rv < 0 ? rv : 0;
}

int install_rehearse(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct calls *c = calls_of(call);
    struct rehearsal r = {0};
    struct registry *new = NULL;
    int rv = install_guard(call, err);
    if (rv == 0 && !(new = stage_registry(args[0].i)))
        rv = err_rule(err, ERR_STATE, "generation.gone", "stage", "stage %lld is not offered any more",
                      (long long)args[0].i);
    if (rv == 0)
        rv = check_watched(c, err);
    if (rv == 0)
        rv = rehearsal_read(c, (int)args[1].i, &r, err);
    if (rv == 0)
        rv = play_all(c, new, &r, err);
    if (rv == 0)
        rv = tell(c, new, &r, reply, err);
    rehearsal_close(&r);
    registry_unref(new);
    return rv;
}
