#include "plugin/args.h"
#include "plugin/load.h"
#include "plugin/spec.h"
#include "script/copy.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* init.lua's table: commands, figures, settings, roles. Keys are taken in sorted order, so that every process reads the
 * same. */

enum { ARGS_MAX = 60, WHAT_BYTES = 160, WRITE_MS = 500, READ_MS = 2000 };

typedef void take_one(lua_State *L, struct loading *l, const char *name, int index);

bool name_is_plugin(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return name.len > 0 && name.len <= 40;
}

bool name_is_of(const char *plugin, struct slice name)
{
    int parts = 0;
    size_t n = strlen(plugin);
    if (name.len > 100 || name.len <= n + 1 || memcmp(name.data, plugin, n) != 0 || name.data[n] != '.')
        return false;
    for (size_t i = n; i < name.len; i++) {
        char c = name.data[i];
        bool first = i == n || name.data[i - 1] == '.';
        if (i == n || (c == '.' && !first))
            parts++;
        else if (!((c >= 'a' && c <= 'z') || (!first && ((c >= '0' && c <= '9') || c == '_'))))
            return false;
    }
    return parts <= 2 && name.data[name.len - 1] != '.';
}

/* "command fund.give (init.lua:12)", with the line where its function begins. */
static void describe(lua_State *L, int index, const char *function, const char *kind, const char *name, char *out)
{
    lua_Debug ar = {0};
    lua_pushstring(L, function);
    bool found = lua_rawget(L, index) == LUA_TFUNCTION;
    if (found)
        lua_getinfo(L, ">S", &ar);
    else
        lua_pop(L, 1);
    if (found && ar.linedefined > 0)
        snprintf(out, WHAT_BYTES, "%s %s (%s:%d)", kind, name, ar.short_src, ar.linedefined);
    else
        snprintf(out, WHAT_BYTES, "%s %s", kind, name);
}

static void check_function(lua_State *L, const struct loading *l, int index, const char *what, const char *key)
{
    lua_pushstring(L, key);
    if (lua_rawget(L, index) != LUA_TFUNCTION)
        load_refuse(L, l, "%s: %s must be a function", what, key);
    lua_pop(L, 1);
}

static void take_args(lua_State *L, const struct loading *l, int index, const char *what, const struct arg **args,
                      int *nargs)
{
    const char *const *specs = load_list(L, l, index, what, "args");
    struct slice list[ARGS_MAX];
    struct arg *parsed = NULL;
    struct err err = {0};
    int n = 0;
    for (; specs[n]; n++) {
        if (n == ARGS_MAX)
            load_refuse(L, l, "%s: more than %d arguments", what, ARGS_MAX);
        list[n] = slice_of(specs[n]);
    }
    if (args_parse_list(list, n, &parsed, &err) != 0)
        load_refuse(L, l, "%s: %s", what, err.text);
    arena_adopt(&l->registry->arena, parsed);
    *args = parsed;
    *nargs = n;
}

int declare_timeout(const struct plugin *p, enum mode mode, int ms)
{
    const int most = p->asks.time_ms ? p->asks.time_ms : LOAD_TIMEOUT_MS_MAX;
    if (ms == 0)
        ms = mode == MODE_WRITE ? WRITE_MS : READ_MS;
    return ms < most ? ms : most;
}

/* What the manifest asks for bounds every command. */
static int take_timeout(lua_State *L, const struct loading *l, int index, const char *what, enum mode mode)
{
    const int asked = l->package->plugin.asks.time_ms;
    int ms = 0;
    lua_pushliteral(L, "timeout_ms");
    if (lua_rawget(L, index) != LUA_TNIL) {
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > LOAD_TIMEOUT_MS_MAX)
            load_refuse(L, l, "%s: timeout_ms must be an integer from 1 to %d", what, LOAD_TIMEOUT_MS_MAX);
        ms = (int)lua_tointeger(L, -1);
        if (asked && ms > asked)
            load_refuse(L, l, "%s: timeout_ms = %d is more than the manifest asks for (asks.time_ms = %d)", what, ms,
                        asked);
    }
    lua_pop(L, 1);
    return declare_timeout(&l->package->plugin, mode, ms);
}

static void take_command(lua_State *L, struct loading *l, const char *name, int index)
{
    static const char *const known[] = {"mode", "args", "returns", "summary", "doc", "timeout_ms", "run", NULL};
    char what[WHAT_BYTES];
    describe(L, index, "run", "command", name, what);
    load_check_keys(L, l, index, what, known);
    check_function(L, l, index, what, "run");
    struct declared_command *d = arena_alloc(&l->registry->arena, sizeof(*d));
    struct command *c = &d->command;
    const char *mode = load_field(L, l, index, what, "mode", true);
    if (strcmp(mode, "read") != 0 && strcmp(mode, "write") != 0)
        load_refuse(L, l, "%s: mode must be \"read\" or \"write\"", what);
    c->mode = strcmp(mode, "write") == 0 ? MODE_WRITE : MODE_READ;
    take_args(L, l, index, what, &c->args, &c->nargs);
    c->returns_text = load_field(L, l, index, what, "returns", true);
    struct shape *shape = NULL;
    struct err err = {0};
    if (shape_parse(c->returns_text, &shape, &err) != 0)
        load_refuse(L, l, "%s: %s", what, err.text);
    arena_adopt(&l->registry->arena, shape);
    c->returns = shape;
    load_summary(L, l, index, what, &c->summary_en, &c->summary_zh);
    c->doc = load_field(L, l, index, what, "doc", false);
    c->timeout_ms = take_timeout(L, l, index, what, c->mode);
    c->name = name;
    c->plugin = l->package->plugin.name;
    d->package = l->package;
    vec_push(&l->registry->commands, d);
}

static void take_figure(lua_State *L, struct loading *l, const char *name, int index)
{
    static const char *const known[] = {"unit", "args", "summary", "compute", "doc", NULL};
    static const char *const taken[] = {"name", "scope", "scope_end", "unit", "from", "to", "as_of", "params", NULL};
    char what[WHAT_BYTES];
    describe(L, index, "compute", "figure", name, what);
    load_check_keys(L, l, index, what, known);
    check_function(L, l, index, what, "compute");
    struct declared_figure *d = arena_alloc(&l->registry->arena, sizeof(*d));
    take_args(L, l, index, what, &d->figure.args, &d->figure.nargs);
    for (int i = 0; i < d->figure.nargs; i++)
        for (const char *const *t = taken; *t; t++)
            if (strcmp(d->figure.args[i].name, *t) == 0)
                load_refuse(L, l, "%s: every figure has `%s` already", what, *t);
    d->figure.unit = load_field(L, l, index, what, "unit", true);
    load_summary(L, l, index, what, &d->figure.summary_en, &d->figure.summary_zh);
    d->figure.name = name;
    d->figure.plugin = l->package->plugin.name;
    d->package = l->package;
    vec_push(&l->registry->figures, d);
}

/* The field `default` as it would be on the wire. [-0, +0, e] */
static void put_default(lua_State *L, const struct loading *l, int index, const char *what, luaL_Buffer *b)
{
    lua_pushliteral(L, "default");
    int type = lua_rawget(L, index);
    if (type == LUA_TBOOLEAN) {
        bool yes = lua_toboolean(L, -1);
        lua_pop(L, 1);
        luaL_addstring(b, yes ? "true" : "false");
    } else if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        luaL_addvalue(b);
    } else {
        load_refuse(L, l, "%s: default must be a text, a number or a boolean", what);
    }
}

static void take_setting(lua_State *L, struct loading *l, const char *name, int index)
{
    static const char *const known[] = {"type", "default", "summary", NULL};
    char what[WHAT_BYTES];
    snprintf(what, sizeof(what), "setting %s", name);
    load_check_keys(L, l, index, what, known);
    const char *type = load_field(L, l, index, what, "type", true);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, name);
    luaL_addstring(&b, ":");
    luaL_addstring(&b, type);
    luaL_addstring(&b, "=");
    put_default(L, l, index, what, &b);
    luaL_pushresult(&b);
    struct slice spec;
    spec.data = lua_tolstring(L, -1, &spec.len);
    struct arg *parsed = NULL;
    struct err err = {0};
    if (args_parse_list(&spec, 1, &parsed, &err) != 0)
        load_refuse(L, l, "%s: %s", what, err.text);
    arena_adopt(&l->registry->arena, parsed);
    lua_pop(L, 1);
    struct setting *s = arena_alloc(&l->registry->arena, sizeof(*s));
    s->name = name;
    s->plugin = l->package->plugin.name;
    s->type = *parsed;
    load_summary(L, l, index, what, &s->summary_en, &s->summary_zh);
    vec_push(&l->registry->settings, s);
}

/* `*`, `backdate`, a command's name, `plugin.*`, `plugin.noun.*`, with `read:` in front of all but backdate. */
static bool is_grant(const char *grant)
{
    if (strcmp(grant, "backdate") == 0)
        return true;
    if (strncmp(grant, "read:", 5) == 0)
        grant += 5;
    if (strcmp(grant, "*") == 0)
        return true;
    struct slice s = slice_of(grant);
    const bool star = s.len > 2 && memcmp(grant + s.len - 2, ".*", 2) == 0;
    if (star)
        s.len -= 2;
    const char *dot = memchr(grant, '.', s.len);
    char plugin[41] = "";
    size_t len = dot ? (size_t)(dot - grant) : s.len;
    if (len >= sizeof(plugin))
        return false;
    memcpy(plugin, grant, len);
    return name_is_plugin(slice_of(plugin)) && (dot ? name_is_of(plugin, s) : star);
}

static void take_role(lua_State *L, struct loading *l, const char *name, int index)
{
    static const char *const known[] = {"grants", "summary", NULL};
    char what[WHAT_BYTES];
    snprintf(what, sizeof(what), "role %s", name);
    load_check_keys(L, l, index, what, known);
    struct role_suggestion *role = arena_alloc(&l->registry->arena, sizeof(*role));
    role->name = name;
    role->plugin = l->package->plugin.name;
    role->grants = load_list(L, l, index, what, "grants");
    for (const char *const *g = role->grants; *g; g++)
        if (!is_grant(*g))
            load_refuse(L, l,
                        "%s: \"%s\" is no grant; write a command, plugin.*, plugin.noun.*, *, read:…, or backdate",
                        what, *g);
    load_summary(L, l, index, what, &role->summary_en, &role->summary_zh);
    vec_push(&l->registry->roles, role);
}

/* Each entry of the table `key`. Names of settings are words; the others carry the plugin's name. */
static void take_each(lua_State *L, struct loading *l, int index, const char *key, bool own_prefix, take_one *take)
{
    lua_pushstring(L, key);
    int type = lua_rawget(L, index);
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (type != LUA_TTABLE)
        load_refuse(L, l, "%s must be a table", key);
    int table = lua_gettop(L);
    size_t n;
    const struct copy_key *keys = copy_keys(L, table, &n);
    for (size_t i = 0; i < n; i++) {
        struct slice name = {keys[i].text, keys[i].len};
        if (keys[i].is_number || (own_prefix && !name_is_of(l->package->plugin.name, name)))
            load_refuse(L, l, "%s: \"%.*s\" must be %s.verb or %s.noun.verb, of a-z, 0-9 and _", key, (int)name.len,
                        name.data, l->package->plugin.name, l->package->plugin.name);
        copy_field(L, table, &keys[i]);
        if (!lua_istable(L, -1))
            load_refuse(L, l, "%s: %.*s must be a table", key, (int)name.len, name.data);
        take(L, l, arena_text(&l->registry->arena, name), lua_gettop(L));
        lua_settop(L, table + 1);
    }
    lua_settop(L, table - 1);
}

void load_init(lua_State *L, struct loading *l, int index)
{
    static const char *const known[] = {"commands", "figures", "settings", "roles", "machines", NULL};
    load_check_keys(L, l, index, "the returned table", known);
    take_each(L, l, index, "commands", true, take_command);
    take_each(L, l, index, "figures", true, take_figure);
    take_each(L, l, index, "settings", false, take_setting);
    take_each(L, l, index, "roles", true, take_role);
}
