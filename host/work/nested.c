#include "work/calls.h"

#include "access/unit.h"
#include "plugin/kit.h"
#include "work/faults.h"

#include <string.h>

/* Calls inside calls: another plugin's command, or a figure. The inner one runs in the same transaction, as the same
 * user, within the same scope and the outer one's deadline. In the writer it has a savepoint of its own, so that a
 * caller that catches its refusal finds nothing of it.
 *
 * A plugin that lists another in `requires` and asked for its command (asks.commands, agreed to by whoever installed it)
 * vouches for its use: the user needs no grant for the inner command, and it may name units elsewhere. So it is with
 * pure commands of required plugins, which see nothing but their arguments. For anything else the user must hold a
 * grant that reaches the whole scope of the outer call and every unit that is named; figure.get, which asks for the
 * client, is no exception. */

enum { NESTED_ARGS_MAX = 64 };

static int deeper(const struct call *call, struct call *inner, struct err *err)
{
    if (call->depth >= CALL_DEPTH_MAX)
        return err_rule(err, ERR_LIMIT, "limit.depth", NULL, "calls between plugins nest at most %d deep",
                        CALL_DEPTH_MAX);
    *inner = *call;
    inner->depth = call->depth + 1;
    inner->outer = (struct call *)call;
    return 0;
}

enum trust {
    TRUST_NONE,
    TRUST_NOT_ASKED, /* required, but not in asks.commands: the refusal says so */
    TRUST_VOUCHED,
};

/* Does the calling plugin vouch for its use of `name`, a command or figure of `owner`? */
static enum trust trust_in(const struct calls *c, const struct call *call, const char *owner, const char *name,
                           const struct command *command)
{
    if (strcmp(call->plugin, owner) == 0)
        return TRUST_VOUCHED;
    if (!registry_requires(c->registry, call->plugin, owner))
        return TRUST_NONE;
    if (command && command->pure)
        return TRUST_VOUCHED;
    const struct plugin *caller = registry_plugin(c->registry, slice_of(call->plugin));
    for (const char *const *pattern = caller->asks.commands; pattern && *pattern; pattern++)
        if (pattern_matches(*pattern, name, command && command->mode == MODE_WRITE))
            return TRUST_VOUCHED;
    return TRUST_NOT_ASKED;
}

/* Refused for want of a grant: say it if the plugin's manifest is the cause. */
static int explain(const struct call *call, enum trust trust, const char *name, int rv, struct err *err)
{
    if (trust != TRUST_NOT_ASKED || (rv != ERR_NOPERM && rv != ERR_SCOPE))
        return rv;
    return err_rule(err, rv, "plugin.call_not_asked", NULL,
                    "plugin %s did not ask for %s (asks.commands in its manifest), and no role of %s allows it here",
                    call->plugin, name, call->user);
}

static int decide(const struct calls *c, struct question q, const struct unit_ref *units, int nunits, struct err *err)
{
    const char *scope;
    q.units = units;
    q.nunits = nunits;
    return access_decide(c->identity, &q, &scope, err);
}

/* Is the user allowed what nobody vouches for, within all of `path` (of the unit `code`)? */
static int check_permission(const struct calls *c, struct question q, const char *code, const char *path,
                            struct err *err)
{
    const struct unit_ref whole = {.arg = "scope", .code = slice_of(code), .path = path};
    if (q.command && access_open_to_all(q.command)) /* it needs no grant, so none that reaches so far */
        return 0;
    return decide(c, q, &whole, 1, err);
}

/* -- words of a nested call -- */

static bool reserved(struct slice name)
{
    return slice_is(name, "idem") || slice_is(name, "at") || slice_is(name, "timeout_ms") || slice_is(name, "lang");
}

/* Put "name=value" words together in the frame; those whose name `skip` names are left out. */
static int make_words(struct frame *f, const struct named_arg *args, int nargs, bool (*skip)(struct slice name),
                      struct err *err)
{
    if (nargs > f->cap_words) {
        f->words = mem_realloc(f->words, (size_t)nargs * sizeof(*f->words));
        f->cap_words = nargs;
    }
    size_t total = 0;
    for (int i = 0; i < nargs; i++)
        total += args[i].name.len + 1 + args[i].text.len;
    buf_clear(&f->text);
    buf_reserve(&f->text, total); /* so that no word moves */
    int n = 0;
    for (int i = 0; i < nargs; i++) {
        if (reserved(args[i].name))
            return err_rule(err, ERR_ARG, "call.reserved", NULL,
                            "%.*s belongs to the client's request, not to calls inside it", (int)args[i].name.len,
                            args[i].name.data);
        if (skip && skip(args[i].name))
            continue;
        size_t at = f->text.len;
        buf_slice(&f->text, args[i].name);
        buf_byte(&f->text, '=');
        buf_slice(&f->text, args[i].text);
        f->words[n++] = (struct slice){f->text.data + at, f->text.len - at};
    }
    return n;
}

/* -- commands -- */

/* The units in the arguments must exist; unless somebody vouches, the user's grant must reach them, too. */
static int check_units(struct calls *c, const struct arg *args, int nargs, const struct value *values,
                       const struct question *unvouched, struct err *err)
{
    int rv = calls_find_units(c, args, nargs, values, err);
    if (rv == 0 && unvouched && c->nunits > 0)
        return decide(c, *unvouched, c->units, c->nunits, err);
    for (int i = 0; rv == 0 && i < c->nunits; i++) {
        if (!c->units[i].path)
            rv = err_rule(err, ERR_NOTFOUND, "unit.unknown", c->units[i].arg, "there is no unit %.*s",
                          (int)(c->units[i].code.len > 100 ? 100 : c->units[i].code.len), c->units[i].code.data);
    }
    return rv;
}

/* On the writer's connection a nested call gets a savepoint. It is kept only if the call may write and did not fail: so
 * reading changes nothing here either, where no read-only connection sees to it. */
static int open_level(struct calls *c, struct err *err)
{
    return store_role(c->store) == STORE_WRITER ? store_nested_begin(c->store, err) : 0;
}

static int close_level(struct calls *c, const struct call *inner, int rv, struct buf *reply, size_t before,
                       struct err *err)
{
    if (store_role(c->store) != STORE_WRITER)
        return rv;
    int ended = store_nested_end(c->store, rv == 0 && inner->write, rv == 0 ? err : NULL);
    if (ended == STORE_LOST)
        rv = rv ? rv
                : err_rule(err, ERR_POLICY, "sql.batch", NULL, "%s ended the transaction it was part of",
                           inner->command);
    else if (rv == 0)
        rv = ended;
    if (rv)
        buf_truncate(reply, before);
    return rv;
}

int calls_invoke(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                 struct err *err)
{
    struct calls *c = calls_of(call);
    const struct command *command = registry_command(c->registry, name);
    if (!command)
        return err_rule(err, ERR_NOTFOUND, "call.unknown", NULL, "there is no command %.*s",
                        (int)(name.len > 100 ? 100 : name.len), name.data);
    if (command->mode == MODE_WRITE && !call->write)
        return err_rule(err, ERR_POLICY, "call.read_mode", NULL, "%s changes data, and %s only reads", command->name,
                        call->command);
    const struct question q = {.command = command};
    const enum trust trust = trust_in(c, call, command->plugin, command->name, command);
    const bool trusted = trust == TRUST_VOUCHED;
    struct call inner;
    int rv = deeper(call, &inner, err);
    if (rv == 0 && !trusted)
        rv = explain(call, trust, command->name, check_permission(c, q, call->scope, call->scope, err), err);
    if (rv)
        return rv;
    struct named_arg named[NESTED_ARGS_MAX];
    if (command->pure && nargs <= NESTED_ARGS_MAX) {
        rv = kit_name_args(command, args, nargs, named, err);
        args = named;
    }
    struct frame *f = &c->frames[inner.depth];
    int nwords = rv ? rv : make_words(f, args, nargs, NULL, err);
    if (nwords < 0)
        return nwords;
    f->bound.named_only = true;
    rv = args_bind(command->args, command->nargs, command->mode, f->words, nwords, &f->bound, err);
    if (rv == 0)
        rv = explain(call, trust, command->name,
                     check_units(c, command->args, command->nargs, f->bound.values, trusted ? NULL : &q, err), err);
    if (rv)
        return rv;
    inner.write = command->mode == MODE_WRITE;
    size_t before = reply->len;
    rv = open_level(c, err);
    if (rv)
        return rv;
    rv = runtime_run(c->runtime, command, &inner, f->bound.values, calls_timeout(command), reply, err);
    rv = close_level(c, &inner, rv, reply, before, err);
    if (rv == ERR_INTERNAL && err) {
        const struct remote_task task = {
            .command = command, .args = f->bound.values, .call = &inner, .timeout_ms = calls_timeout(command)};
        calls_fault(c, &task, err);
    }
    return rv;
}

/* -- figures -- */

static bool figure_word(struct slice name)
{
    return slice_is(name, "scope") || slice_is(name, "from") || slice_is(name, "to") || slice_is(name, "as_of");
}

static int figure_scope(struct calls *c, struct slice code, struct figure_query *q, struct err *err)
{
    int rv = unit_path(c->store, code, &c->path, err);
    if (rv == 0)
        rv = err_rule(err, ERR_NOTFOUND, "unit.unknown", "scope", "there is no unit %.*s",
                      (int)(code.len > 100 ? 100 : code.len), code.data);
    if (rv < 0)
        return rv;
    q->scope = calls_keep(c, buf_view(&c->path)).data;
    q->unit = calls_keep(c, code).data;
    return 0;
}

/* One of the words that every figure understands. */
static int figure_take(struct calls *c, const struct named_arg *word, struct figure_query *q, struct err *err)
{
    if (slice_is(word->name, "scope"))
        return figure_scope(c, word->text, q, err);
    bool instant = slice_is(word->name, "as_of");
    const struct arg arg = {
        .name = instant                        ? "as_of"
                : slice_is(word->name, "from") ? "from"
                                               : "to",
        .type = instant ? ARG_INSTANT : ARG_DATE,
        .spec = instant ? "as_of:instant" : "date",
    };
    struct buf scratch = {0};
    struct value v;
    int rv = arg_value(&arg, word->text, &scratch, &v, err);
    if (rv == 0 && instant)
        q->as_of_ms = v.i;
    else if (rv == 0)
        *(slice_is(word->name, "from") ? &q->from : &q->to) = calls_keep(c, v.s).data;
    buf_close(&scratch);
    return rv;
}

int calls_figure(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                 struct err *err)
{
    struct calls *c = calls_of(call);
    const struct figure *figure = registry_figure(c->registry, name);
    if (!figure)
        return err_rule(err, ERR_NOTFOUND, "figure.unknown", "name", "there is no figure %.*s; figure.list shows them",
                        (int)(name.len > 100 ? 100 : name.len), name.data);
    const struct question asked = {.command = registry_command(c->registry, SLICE("figure.get")),
                                   .figure = figure->name};
    const enum trust trust = trust_in(c, call, figure->plugin, figure->name, NULL);
    const bool trusted = trust == TRUST_VOUCHED;
    struct call inner;
    struct figure_query q = {.scope = call->scope, .as_of_ms = call->now_ms};
    int rv = deeper(call, &inner, err);
    for (int i = 0; rv == 0 && i < nargs; i++) {
        if (figure_word(args[i].name))
            rv = figure_take(c, &args[i], &q, err);
    }
    if (rv == 0 && !trusted)
        rv = explain(call, trust, figure->name, check_permission(c, asked, q.unit ? q.unit : q.scope, q.scope, err),
                     err);
    if (rv)
        return rv;
    struct frame *f = &c->frames[inner.depth];
    int nwords = make_words(f, args, nargs, figure_word, err);
    if (nwords < 0)
        return nwords;
    f->bound.named_only = true;
    rv = args_bind(figure->args, figure->nargs, MODE_READ, f->words, nwords, &f->bound, err);
    if (rv == 0)
        rv = explain(call, trust, figure->name,
                     check_units(c, figure->args, figure->nargs, f->bound.values, trusted ? NULL : &asked, err), err);
    if (rv)
        return rv;
    inner.write = false;
    size_t before = reply->len;
    rv = open_level(c, err);
    if (rv)
        return rv;
    rv = runtime_figure(c->runtime, figure, &inner, &q, f->bound.values, reply, err);
    rv = close_level(c, &inner, rv, reply, before, err);
    if (rv == ERR_INTERNAL && err) {
        const struct remote_task task = {.figure = figure, .query = &q, .args = f->bound.values, .call = &inner};
        calls_fault(c, &task, err);
    }
    return rv;
}
