#include "work/calls.h"

#include "access/unit.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

/* Before a command runs, in this order: it is looked up again if the run was parsed by another generation than the lane's, its words are bound (so that nothing below sees an unchecked byte), the units
 * they name are looked up, permission and scope are decided, and the right to set `at` is checked. */

static const char *language(struct slice text, const char *otherwise)
{
    if (slice_is(text, "zh-CN"))
        return "zh-CN";
    return slice_is(text, "en") ? "en" : otherwise;
}

static void start_call(struct calls *c, const struct run *run, const struct command *command, const struct identity *id,
                       struct call *call)
{
    const char *own = language(slice_of(id->lang), "zh-CN");
    *call = (struct call){
        .ops = &calls_ops,
        .lane = c,
        .store = c->store,
        .now_ms = run->received_ms,
        .received_ms = run->received_ms,
        .user = id->name,
        .person = id->person,
        .lang = language(slice_of(run->lang), own),
        .zone_min = c->zone_min,
        .write = command->mode == MODE_WRITE,
        .plugin = command->plugin,
        .command = command->name,
    };
    c->identity = id;
}

/* Binding goes by this generation's declaration, so a command that was parsed with another one is either run as it is
 * declared now or refused. Only its mode cannot change: it decided which lane the run went to. */
static int find_command(struct calls *c, const struct run *run, int index, struct err *err)
{
    const struct command *parsed = run->requests[index].command;
    c->command = run->registry == c->registry ? parsed : registry_command(c->registry, slice_of(parsed->name));
    if (!c->command) {
        const char *near = registry_suggest(c->registry, slice_of(parsed->name));
        return near ? err_set(err, ERR_NOCOMMAND,
                              "unknown command '%s'; did you mean %s? COMMAND LIST names what there is", parsed->name,
                              near)
                    : err_set(err, ERR_NOCOMMAND, "unknown command '%s'; COMMAND LIST names what there is",
                              parsed->name);
    }
    if (c->command->mode != run->mode)
        return err_rule(err, ERR_BUSY, "generation.changed", NULL,
                        "the plugins were changed while %s was on its way; send it again", c->command->name);
    return 0;
}

static int bind_words(struct calls *c, const struct run *run, const struct request *r, struct err *err)
{
    struct frame *f = &c->frames[0];
    if (r->nwords > f->cap_words) {
        f->words = mem_realloc(f->words, (size_t)r->nwords * sizeof(*f->words));
        f->cap_words = r->nwords;
    }
    for (int i = 0; i < r->nwords; i++)
        f->words[i] = run_word(run, r->first_word + i);
    const struct command *command = c->command;
    return args_bind(command->args, command->nargs, command->mode, f->words, r->nwords, &f->bound, err);
}

/* -- units -- */

/* Paths are collected one after the other in a buffer that may move, so a found unit holds its offset + 1 until all
 * are known. */
static int add_unit(struct calls *c, const char *arg, struct slice code, struct err *err)
{
    int rv = unit_path(c->store, code, &c->path, err);
    if (rv < 0)
        return rv;
    if (c->nunits == c->cap_units) {
        c->cap_units = c->cap_units ? 2 * c->cap_units : 8;
        c->units = mem_realloc(c->units, (size_t)c->cap_units * sizeof(*c->units));
    }
    uintptr_t offset = 0;
    if (rv == 1) {
        offset = c->paths.len + 1;
        buf_slice(&c->paths, buf_view(&c->path));
        buf_byte(&c->paths, '\0');
    }
    c->units[c->nunits++] = (struct unit_ref){arg, code, (const char *)offset};
    return 0;
}

static int add_units(struct calls *c, const struct arg *arg, struct slice json, struct err *err)
{
    json_t *list = json_loadb(json.data, json.len, 0, NULL);
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        /* The JSON value goes, but a refusal may have to name the code. */
        struct slice code = calls_keep(c, (struct slice){json_string_value(item), json_string_length(item)});
        rv = add_unit(c, arg->name, code, err);
    }
    json_decref(list);
    return rv;
}

int calls_find_units(struct calls *c, const struct arg *args, int nargs, const struct value *values, struct err *err)
{
    c->nunits = 0;
    buf_clear(&c->paths);
    int rv = 0;
    for (int i = 0; rv == 0 && i < nargs; i++) {
        if (args[i].type != ARG_UNIT || values[i].type == VALUE_NULL)
            continue;
        if (args[i].array)
            rv = add_units(c, &args[i], values[i].s, err);
        else
            rv = add_unit(c, args[i].name, values[i].s, err);
    }
    for (int i = 0; i < c->nunits; i++) {
        uintptr_t offset = (uintptr_t)c->units[i].path;
        c->units[i].path = offset ? c->paths.data + offset - 1 : NULL;
    }
    return rv;
}

/* -- the decision -- */

/* The figure that figure.get asks for: it is its first argument. */
static const char *figure_asked(const struct calls *c, const struct command *command)
{
    const struct value *values = c->frames[0].bound.values;
    if (!command->native || strcmp(command->name, "figure.get") != 0 || values[0].type != VALUE_TEXT)
        return NULL;
    const struct figure *figure = registry_figure(c->registry, values[0].s);
    return figure ? figure->name : NULL;
}

static int check_at(const struct calls *c, const struct identity *id, struct call *call, struct err *err)
{
    const struct bound *b = &c->frames[0].bound;
    if (!b->has_at)
        return 0;
    if (!access_may_backdate(id, call->scope))
        return err_rule(err, ERR_NOPERM, "access.backdate", "at",
                        "%s may not set the time: no role grants backdate there; leave out at", id->name);
    call->now_ms = b->at_ms;
    return 0;
}

/* What holds a secret must not be remembered: the stored request would hold a fast hash of it. */
static int check_idem(const struct calls *c, const struct command *command, struct err *err)
{
    if (c->frames[0].bound.idem.len == 0)
        return 0;
    for (int i = 0; i < command->nargs; i++) {
        if (command->args[i].secret)
            return err_rule(err, ERR_ARG, "arg.idem_secret", "idem",
                            "%s takes a secret, of which nothing is stored; send it without idem", command->name);
    }
    return 0;
}

int calls_prepare(struct calls *c, const struct run *run, int index, const struct identity *id, struct call *call,
                  struct err *err)
{
    const struct request *r = &run->requests[index];
    calls_forget(c);
    int rv = find_command(c, run, index, err);
    if (rv)
        return rv;
    const struct command *command = c->command;
    start_call(c, run, command, id, call);
    rv = bind_words(c, run, r, err);
    const struct bound *b = &c->frames[0].bound;
    call->lang = language(b->lang, call->lang); /* a refusal, too, is in the language asked for */
    if (rv)
        return rv;
    rv = calls_find_units(c, command->args, command->nargs, b->values, err);
    if (rv)
        return rv;
    const struct question q = {command, figure_asked(c, command), c->units, c->nunits};
    rv = access_decide(id, &q, &call->scope, err);
    if (rv == 0)
        rv = check_at(c, id, call, err);
    if (rv == 0)
        rv = check_idem(c, command, err);
    return rv;
}
