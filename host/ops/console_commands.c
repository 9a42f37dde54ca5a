#include "ops/commands.h"

#include "ops/guard.h"
#include "plugin/eval.h"
#include "store/changes.h"

#include <stdio.h>

/* The console: an administrator's own Lua, on the writer's lane, inside a savepoint that is undone at the end unless
 * `commit` says otherwise. Either way the reply shows the rows, and the command stands in the audit as any write does:
 * who looked at what is worth knowing, too. A failure undoes everything and is an error. */

enum { ROWS_MAX = 200, LONG_BYTES = 390 };

/* Long ones are recorded without their ends, which may differ. */
static bool same(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_INT:
    case VALUE_BOOL:
        return a->i == b->i;
    case VALUE_DOUBLE:
        return a->d == b->d;
    default:
        return a->s.len < LONG_BYTES && slice_eq(a->s, b->s);
    }
}

/* Columns that did not change are left out of an update, but for those that say which row it is: the first. */
static bool tells(const struct change *ch, int i)
{
    return i == 0 || !ch->before || !ch->after || !same(&ch->before[i], &ch->after[i]);
}

/* What users prove themselves with is nobody's to see, be it a hash. */
static bool is_secret(const struct change *ch, int i)
{
    return strncmp(ch->table, "muster_", 7) == 0 && strstr(ch->names[i], "hash");
}

static void write_side(struct reply *reply, const char *key, const struct change *ch, const struct value *values)
{
    reply_key(reply, key);
    if (!values) {
        reply_null(reply);
        return;
    }
    reply_map_open(reply);
    for (int i = 0; i < ch->columns; i++)
        if (tells(ch, i)) {
            reply_key(reply, ch->names[i]);
            is_secret(ch, i) && values[i].type != VALUE_NULL ? reply_cstr(reply, "(secret)")
                                                             : reply_value(reply, &values[i]);
        }
    reply_close(reply);
}

static void write_rows(struct reply *reply, const struct changes *changes)
{
    reply_key(reply, "rows");
    reply_array_open(reply);
    for (int i = 0; i < changes_count(changes); i++) {
        const struct change *ch = changes_at(changes, i);
        reply_map_open(reply);
        reply_key_cstr(reply, "table", ch->table);
        reply_key_cstr(reply, "op", ch->op);
        write_side(reply, "before", ch, ch->before);
        write_side(reply, "after", ch, ch->after);
        reply_close(reply);
    }
    reply_close(reply);
    reply_key_int(reply, "more", changes_more(changes));
}

/* Run `body` in a savepoint of its own, with its changes recorded; undo it unless it is to be kept. */
static int watched(struct call *call, bool keep, int (*body)(struct call *call, void *arg, struct err *err), void *arg,
                   struct changes **changes, struct err *err)
{
    struct calls *c = calls_of(call);
    const bool access_changed = c->access_changed, switching = c->switching;
    int rv = store_nested_begin(call->store, err);
    if (rv != 0)
        return rv;
    rv = changes_begin(call->store, ROWS_MAX, changes, err);
    if (rv == 0)
        rv = body(call, arg, err);
    if (rv == 0)
        rv = changes_stop(*changes, err);
    keep = keep && rv == 0;
    struct err ignored = {0};
    int ended = store_nested_end(call->store, keep, rv == 0 ? err : &ignored);
    if (!keep) {
        c->access_changed = access_changed;
        c->switching = switching;
    }
    if (ended == STORE_LOST && rv == 0)
        rv = err_rule(err, ERR_POLICY, "sql.batch", NULL, "%s ended the transaction it was part of", call->command);
    return rv ? rv : ended;
}

static int only_administrators(const struct call *call, struct err *err)
{
    if (!calls_of(call)->identity->admin)
        return err_rule(err, ERR_NOPERM, "access.admin_only", NULL, "only an administrator uses the console");
    return guard_whole_server(call, err);
}

static int evaluate(struct call *call, void *arg, struct err *err)
{
    return runtime_eval(calls_of(call)->runtime, arg, call, err);
}

static int eval(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    char plugin[64];
    struct eval e = {.source = args[0].s};
    struct changes *changes = NULL;
    bool commit = args[2].type == VALUE_BOOL && args[2].i;
    int rv = only_administrators(call, err);
    if (args[1].type != VALUE_NULL) {
        snprintf(plugin, sizeof(plugin), "%.*s", (int)args[1].s.len, args[1].s.data);
        e.plugin = plugin;
    }
    if (rv == 0)
        rv = watched(call, commit, evaluate, &e, &changes, err);
    if (rv == 0) {
        reply_map_open(reply);
        reply_key(reply, "values");
        reply_raw(reply, buf_view(&e.values));
        reply_key(reply, "printed");
        reply_text(reply, buf_view(&e.printed));
        reply_key_bool(reply, "kept", commit);
        write_rows(reply, changes);
        reply_close(reply);
    }
    changes_free(changes);
    eval_close(&e);
    return rv;
}

const struct native_command console_commands[] = {
    {"lua.eval", MODE_WRITE, "code:text(1..60000) plugin:text(1..60)? commit:bool=false",
     "{values:[text], printed:text, kept:bool, rows:[{table:text, op:text, before:any, after:any}], more:int}",
     "Run Lua as PLUGIN's code, show what it returns and which rows it changes, and undo it unless commit.",
     "以 PLUGIN 的身份运行 Lua，显示返回值与改动的行；除非 commit，否则全部撤销。", eval},
    {0},
};
