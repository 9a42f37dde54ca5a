#include "plugin/kit.h"

#include "base/clock.h"
#include "plugin/args.h"
#include "plugin/native.h"
#include "script/binding.h"
#include "script/copy.h"
#include "script/fault.h"
#include "script/watchdog.h"

#include <stdio.h>
#include <string.h>

/* From Lua into C without a detour. Arguments are positional and keep their Lua types: a text is checked and handed
 * over where it lies, nothing is copied but tables and the reply. They are held against the declaration as a client's
 * words are, and refused in the same words.
 *
 * A pure command touches nothing but its arguments, so it needs neither a savepoint nor a permission; the plugin must
 * be in `requires`. When it runs in a process of its own, or we do, the same call goes through call:invoke, with the
 * same checks before it, so that no plugin can tell the difference.
 *
 * Everything that may raise comes before or after the call into C, never around it. */

enum { ARGS_BYTES = 8 * 1024 * 1024, REPLY_BYTES = 8 * 1024 * 1024, NUMBER_BYTES = 24 };

/* -- arguments -- */

struct taking {
    lua_State *L;
    struct buf *scratch;
    struct err *err;
};

static int refuse_type(const struct taking *t, const struct arg *arg, int index, const char *wanted)
{
    return err_rule(t->err, ERR_ARG, "arg.type", arg->name, "%s: should be %s, is a %s", arg->name, wanted,
                    luaL_typename(t->L, index));
}

static int take_number(const struct taking *t, const struct arg *arg, int index, struct value *out)
{
    int whole = 0;
    lua_Integer i = lua_type(t->L, index) == LUA_TNUMBER ? lua_tointegerx(t->L, index, &whole) : 0;
    if (!whole && lua_type(t->L, index) == LUA_TNUMBER)
        return err_rule(t->err, ERR_ARG, "arg.type", arg->name, "%s: should be an integer, is a number with a fraction",
                        arg->name);
    if (!whole)
        return refuse_type(t, arg, index, "an integer");
    *out = value_int(i);
    if (arg->type == ARG_INSTANT || (i >= arg->min && i <= arg->max))
        return 0;
    char digits[NUMBER_BYTES];
    snprintf(digits, sizeof(digits), "%lld", (long long)i);
    return arg_value(arg, slice_of(digits), t->scratch, out, t->err);
}

/* A table (for json: anything) as JSON text; a string is one already. [-0, +0, e] */
static int take_tree(const struct taking *t, const struct arg *arg, int index, struct value *out)
{
    struct slice text;
    if (arg->array && !lua_istable(t->L, index))
        return refuse_type(t, arg, index, "a sequence");
    if (lua_type(t->L, index) == LUA_TSTRING) {
        text.data = lua_tolstring(t->L, index, &text.len);
    } else {
        struct buf *json = &sandbox_of(t->L)->text;
        buf_clear(json);
        json->max = ARGS_BYTES;
        if (arg->array && copy_sequence(t->L, index) < 0)
            return refuse_type(t, arg, index, "a sequence");
        copy_json(t->L, index, json);
        text = buf_view(json);
    }
    return arg_value(arg, text, t->scratch, out, t->err);
}

static int take_value(const struct taking *t, const struct arg *arg, int index, struct value *out)
{
    struct slice text;
    if (copy_is_null(t->L, index)) {
        *out = value_null();
        if (arg->default_text)
            return arg_value(arg, slice_of(arg->default_text), t->scratch, out, t->err);
        return arg->optional
                   ? 0
                   : err_rule(t->err, ERR_ARG, "arg.required", arg->name, "%s: required (%s)", arg->name, arg->spec);
    }
    if (arg->array || arg->type == ARG_JSON)
        return take_tree(t, arg, index, out);
    switch (arg->type) {
    case ARG_INT:
    case ARG_FEN:
    case ARG_INSTANT:
        return take_number(t, arg, index, out);
    case ARG_BOOL:
        if (!lua_isboolean(t->L, index))
            return refuse_type(t, arg, index, "a boolean");
        *out = value_bool(lua_toboolean(t->L, index));
        return 0;
    default:
        if (lua_type(t->L, index) != LUA_TSTRING)
            return refuse_type(t, arg, index, arg->type == ARG_BLOB ? "a string of bytes" : "a text");
        text.data = lua_tolstring(t->L, index, &text.len);
        return arg_value(arg, text, t->scratch, out, t->err);
    }
}

/* The arguments on the stack, from 1. JSON lies in `scratch`, which may move while it grows: offsets at first. [-0, +0,
 * e] */
static int take_args(const struct taking *t, const struct command *c, struct value *values)
{
    const int given = lua_gettop(t->L);
    uint64_t in_scratch = 0;
    int rv = 0;
    if (given > c->nargs)
        return err_rule(t->err, ERR_ARG, "arg.unknown", NULL, "%s: an argument too many; the command has %d", c->name,
                        c->nargs);
    for (int i = 0; i < c->nargs && rv == 0; i++) {
        rv = take_value(t, &c->args[i], i + 1, &values[i]);
        if (rv != 0 || values[i].type != VALUE_JSON)
            continue;
        in_scratch |= (uint64_t)1 << i;
        values[i].i = values[i].s.data - t->scratch->data;
        rv = buf_byte(t->scratch, '\0');
    }
    for (int i = 0; i < c->nargs && rv == 0; i++)
        if (in_scratch >> i & 1) {
            values[i].s.data = t->scratch->data + values[i].i;
            values[i].i = 0;
        }
    return rv;
}

/* -- calling -- */

static int call_here(const struct command *c, struct call *call, const struct value *values, struct buf *reply,
                     struct err *err)
{
    struct frame *outer = frame_running();
    struct frame frame = {.started_ns = outer->started_ns,
                          .deadline_ns = outer->deadline_ns,
                          .limit_ms = outer->limit_ms,
                          .plugin = c->plugin,
                          .command = c->name};
    struct watch *watch = outer->watch;
    frame_enter(watch, &frame); /* should it bring the process down, it is to blame and not its caller */
    int rv = native_call_pure(c, call, values, reply, REPLY_BYTES, err);
    frame_leave(watch, &frame);
    return rv;
}

/* The same through the host: it knows where the plugin runs. */
static int call_there(const struct command *c, struct call *call, const struct value *values, struct buf *reply,
                      struct err *err)
{
    struct named_arg args[NATIVE_ARGS_MAX];
    char numbers[NATIVE_ARGS_MAX][NUMBER_BYTES];
    int n = 0;
    for (int i = 0; i < c->nargs; i++) {
        const struct value *v = &values[i];
        if (v->type == VALUE_NULL)
            continue;
        args[n].name = slice_of(c->args[i].name);
        args[n].text = v->s;
        if (v->type == VALUE_BOOL)
            args[n].text = slice_of(v->i ? "true" : "false");
        if (v->type == VALUE_INT) {
            snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)v->i);
            args[n].text = slice_of(numbers[i]);
        }
        n++;
    }
    return call->ops->invoke(call, slice_of(c->name), args, n, reply, err);
}

/* Upvalue 1: the command. [-n, +1, e] */
static int kit_call(lua_State *L)
{
    const struct command *c = lua_touserdata(L, lua_upvalueindex(1));
    struct sandbox *sb = sandbox_of(L);
    struct call *call = binding_call(L);
    if (sb->level > CALL_DEPTH_MAX)
        return luaL_error(L, "%s: nested deeper than %d", c->name, CALL_DEPTH_MAX);
    struct sandbox_level *level = &sb->levels[sb->level];
    struct value values[NATIVE_ARGS_MAX + 1];
    struct err err;
    err.code = 0; /* whoever refuses fills the rest: it is a kilobyte, and this is called often */
    const struct taking taking = {L, &level->args, &err};
    buf_clear(&level->args);
    buf_clear(&level->reply);
    level->args.max = ARGS_BYTES;
    level->reply.max = REPLY_BYTES;
    int rv = take_args(&taking, c, values);
    if (rv == 0) {
        const struct muster_command *own = c->native_data;
        sb->level++;
        rv = own->run ? call_here(c, call, values, &level->reply, &err)
                      : call_there(c, call, values, &level->reply, &err);
        sb->level--;
    }
    if (rv != 0 || reader_error(buf_view(&level->reply), &err))
        return binding_refuse(L, &err);
    sandbox_poll(L); /* the time may be used up although the command made it */
    struct reader reader = {buf_view(&level->reply)};
    copy_push_reply(L, &reader);
    buf_clear(&level->reply); /* a large one is not kept */
    return 1;
}

/* -- the module -- */

/* Put the function of "plugin.noun.verb" or "plugin.verb" into the table on top. [-0, +0, e] */
static void add_function(lua_State *L, const struct command *c)
{
    const char *word = strchr(c->name, '.') + 1, *dot = strchr(word, '.');
    if (dot) {
        lua_pushlstring(L, word, (size_t)(dot - word));
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TTABLE) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, -5);
        }
        lua_remove(L, -2);
        word = dot + 1;
    }
    lua_pushstring(L, word);
    lua_pushlightuserdata(L, (void *)(uintptr_t)c);
    lua_pushcclosure(L, kit_call, 1);
    lua_rawset(L, -3);
    if (dot)
        lua_pop(L, 1);
}

/* -- a plugin that is not here -- */

static void push_proxy(lua_State *L);

/* __index: `kit.name`, upvalue 1 "kit". [-2, +1, e] */
static int proxy_index(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TSTRING);
    lua_pushvalue(L, 2);
    lua_pushfstring(L, "%s.%s", lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, 2));
    push_proxy(L);
    lua_pushvalue(L, -1);
    lua_insert(L, -3);
    lua_rawset(L, 1);
    return 1;
}

/* __call: through call:invoke, with arguments named "1", "2", …. [-n, +1, e] */
static int proxy_call(lua_State *L)
{
    const int n = lua_gettop(L) - 1;
    if (n > NATIVE_ARGS_MAX)
        return luaL_error(L, "%s: more than %d arguments", lua_tostring(L, lua_upvalueindex(1)), NATIVE_ARGS_MAX);
    lua_pushcfunction(L, binding_invoke);
    lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->ref_call);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_createtable(L, 0, n);
    for (int i = 1; i <= n; i++) {
        lua_pushfstring(L, "%d", i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, -3);
    }
    lua_call(L, 3, 1);
    return 1;
}

/* Replace the name on top by its proxy. [-1, +1, m] */
static void push_proxy(lua_State *L)
{
    luaL_checkstack(L, 6, "require");
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, proxy_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, proxy_call, 1);
    lua_setfield(L, -2, "__call");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* "1" → 1; 0 when it is a name. */
static int position(struct slice name)
{
    int n = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9' || i > 2)
            return 0;
        n = n * 10 + (name.data[i] - '0');
    }
    return n;
}

int kit_name_args(const struct command *command, const struct named_arg *args, int nargs, struct named_arg *out,
                  struct err *err)
{
    for (int i = 0; i < nargs; i++) {
        const int n = position(args[i].name);
        out[i] = args[i];
        if (n > command->nargs)
            return err_rule(err, ERR_ARG, "arg.unknown", NULL, "%s: an argument too many; the command has %d",
                            command->name, command->nargs);
        if (n > 0)
            out[i].name = slice_of(command->args[n - 1].name);
    }
    return 0;
}

static bool required(const struct package *p, const char *name)
{
    if (strcmp(p->plugin.name, name) == 0)
        return true;
    for (const char *const *need = p->plugin.requires; need && *need; need++)
        if (strcmp(*need, name) == 0)
            return true;
    return false;
}

bool kit_push_far(lua_State *L, void *arg, const char *name)
{
    const struct package *p = arg;
    if (strcmp(p->plugin.name, name) == 0)
        return kit_push(L, arg, name);
    if (!p->registry || !required(p, name))
        return false;
    luaL_checkstack(L, 8, "require");
    lua_pushstring(L, name);
    push_proxy(L);
    return true;
}

bool kit_push(lua_State *L, void *arg, const char *name)
{
    const struct package *p = arg;
    int count = 0;
    if (!p->registry || !required(p, name))
        return false;
    if (p->registry->alone && strcmp(p->plugin.name, name) != 0)
        return kit_push_far(L, arg, name);
    luaL_checkstack(L, 8, "require");
    lua_newtable(L);
    for (int i = 0; i < p->registry->commands.count; i++) {
        const struct command *c = p->registry->commands.items[i];
        if (!c->pure || strcmp(c->plugin, name) != 0)
            continue;
        add_function(L, c);
        count++;
    }
    if (count == 0)
        lua_pop(L, 1);
    return count > 0;
}
