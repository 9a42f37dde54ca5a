#include "ops/commands.h"

#include "ops/guard.h"
#include "wire/reply.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Figures: which there are, and their values. figure.get is allowed by a grant on itself or on reading the figure. */

enum { PARAMS_MAX = 64 };

static void write_specs(struct reply *reply, const struct arg *args, int nargs)
{
    reply_key(reply, "args");
    reply_array_open(reply);
    for (int i = 0; i < nargs; i++)
        reply_cstr(reply, args[i].spec);
    reply_close(reply);
}

static int list(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    (void)err;
    const struct figure *const *figures;
    int count = registry_figures(calls_of(call)->registry, &figures);
    reply_array_open(reply);
    for (int i = 0; i < count; i++) {
        const struct figure *f = figures[i];
        if (!access_may_figure(calls_of(call)->identity, f->name))
            continue;
        reply_map_open(reply);
        reply_key_cstr(reply, "name", f->name);
        reply_key_cstr(reply, "unit", f->unit);
        write_specs(reply, f->args, f->nargs);
        reply_key_cstr(reply, "summary", in_chinese(call) && f->summary_zh ? f->summary_zh : f->summary_en);
        reply_close(reply);
    }
    reply_close(reply);
    return 0;
}

/* -- figure.get: typed arguments go on as words -- */

struct words {
    struct named_arg list[PARAMS_MAX + 4];
    int count;
};

static void add(struct words *w, const char *name, const struct value *v)
{
    if (v->type != VALUE_NULL)
        w->list[w->count++] = (struct named_arg){slice_of(name), v->s};
}

static bool own_word(const char *name)
{
    return strcmp(name, "scope") == 0 || strcmp(name, "from") == 0 || strcmp(name, "to") == 0 ||
           strcmp(name, "as_of") == 0;
}

/* One pair of `params`: texts as they are, other values as JSON. */
static int add_param(struct calls *c, struct words *w, const char *name, const json_t *value, struct err *err)
{
    if (own_word(name))
        return err_rule(err, ERR_ARG, "figure.params", "params",
                        "%s is an argument of figure.get itself, not one of params", name);
    if (w->count == PARAMS_MAX)
        return err_rule(err, ERR_LIMIT, "figure.params", "params", "a figure takes at most %d params", PARAMS_MAX);
    if (json_is_null(value))
        return 0;
    struct slice text = {json_string_value(value), json_string_length(value)};
    char *dumped = NULL;
    if (!json_is_string(value)) {
        dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        text = slice_of(dumped);
    }
    w->list[w->count++] = (struct named_arg){calls_keep(c, slice_of(name)), calls_keep(c, text)};
    free(dumped);
    return 0;
}

static int add_params(struct calls *c, struct words *w, const struct value *params, struct err *err)
{
    if (params->type == VALUE_NULL)
        return 0;
    json_t *object = json_loadb(params->s.data, params->s.len, JSON_DECODE_ANY, NULL);
    int rv = 0;
    /* Some languages have one value for the empty list and the empty object. */
    if (!json_is_object(object) && !(json_is_array(object) && json_array_size(object) == 0))
        rv = err_rule(err, ERR_ARG, "figure.params", "params", "params is a JSON object of the figure's own arguments");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (rv == 0)
            rv = add_param(c, w, name, value, err);
    }
    json_decref(object);
    return rv;
}

static int get(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct calls *c = calls_of(call);
    struct words w = {.count = 0};
    char instant[24];
    add(&w, "scope", &args[1]);
    add(&w, "from", &args[2]);
    add(&w, "to", &args[3]);
    if (args[4].type != VALUE_NULL) {
        snprintf(instant, sizeof(instant), "%lld", (long long)args[4].i);
        w.list[w.count++] = (struct named_arg){SLICE("as_of"), slice_of(instant)};
    }
    int rv = add_params(c, &w, &args[5], err);
    if (rv)
        return rv;
    struct buf value = {0};
    rv = calls_figure(call, args[0].s, w.list, w.count, &value, err);
    if (rv == 0)
        reply_raw(reply, buf_view(&value));
    buf_close(&value);
    return rv;
}

const struct native_command figure_commands[] = {
    {"figure.list", MODE_READ, "", "[{name:text, unit:text, args:[text], summary:text}]",
     "List the figures you may read.", "列出可读取的指标。", list},
    {"figure.get", MODE_READ, "name:text(1..100) scope:unit? from:date? to:date? as_of:instant? params:json?",
     "{name:text, value:any, unit:text, complete:bool, numerator:any, denominator:any, basis:text, as_of:instant}",
     "Compute a figure for a unit, between two days, as it was known at an instant; params: its own arguments as JSON.",
     "计算某单位、某段日期、按某一时刻所知的指标；params 为该指标自己的参数（JSON）。", get},
    {0},
};
