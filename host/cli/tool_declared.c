#include "cli/tool_plugins.h"

#include <lauxlib.h>

/* Declarations as Lua tables:
 *   { plugins  = {{name, version, summary, summary_zh, requires = {name = range}, asks = {…}, native, isolate, health,
 *                  folder}, …},
 *     commands = {{name, plugin, mode, args = {spec, …}, arg_names = {…}, returns, summary, summary_zh, doc, timeout_ms,
 *                  native, pure}, …},
 *     figures  = {{name, plugin, unit, args, summary, summary_zh}, …},
 *     settings = {{name, plugin, type, default, summary, summary_zh}, …},
 *     roles    = {{name, plugin, grants, summary, summary_zh}, …} }
 * in the order of the registry. The host's own commands belong to the plugin "muster". */

static void text(lua_State *L, const char *key, const char *value)
{
    lua_pushstring(L, value); /* NULL: nil */
    lua_setfield(L, -2, key);
}

static void number(lua_State *L, const char *key, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

static void truth(lua_State *L, const char *key, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

static void summary(lua_State *L, const char *en, const char *zh)
{
    text(L, "summary", en);
    text(L, "summary_zh", zh);
}

static void texts(lua_State *L, const char *key, const char *const *list)
{
    lua_newtable(L);
    for (int i = 0; list && list[i]; i++) {
        lua_pushstring(L, list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, key);
}

static void specs(lua_State *L, const struct arg *args, int count)
{
    lua_createtable(L, count, 0);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, args[i].spec);
        lua_rawseti(L, -3, i + 1);
        lua_pushstring(L, args[i].name);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -3, "arg_names");
    lua_setfield(L, -2, "args");
}

static void put_asks(lua_State *L, const struct asks *asks)
{
    lua_newtable(L);
    texts(L, "commands", asks->commands);
    texts(L, "effects", asks->effects);
    texts(L, "secrets", asks->secrets);
    number(L, "memory_mib", asks->memory_mib);
    number(L, "time_ms", asks->time_ms);
    lua_setfield(L, -2, "asks");
}

static void put_plugin(lua_State *L, const struct plugin *p)
{
    text(L, "name", p->name);
    text(L, "version", p->version);
    summary(L, p->summary_en, p->summary_zh);
    lua_newtable(L);
    for (int i = 0; p->requires && p->requires[i]; i++)
        text(L, p->requires[i], p -> requires_ranges ? p -> requires_ranges[i] : "*");
    lua_setfield(L, -2, "requires");
    put_asks(L, &p->asks);
    truth(L, "native", p->native);
    truth(L, "units", p->units);
    text(L, "isolate", p->isolation == ISOLATION_PROCESS ? "process" : "none");
    text(L, "health", p->health);
    text(L, "folder", p->folder);
}

static void put_command(lua_State *L, const struct command *c)
{
    text(L, "name", c->name);
    text(L, "plugin", c->plugin);
    text(L, "mode", c->mode == MODE_WRITE ? "write" : c->mode == MODE_READ ? "read" : "slow");
    specs(L, c->args, c->nargs);
    text(L, "returns", c->returns_text);
    summary(L, c->summary_en, c->summary_zh);
    text(L, "doc", c->doc);
    number(L, "timeout_ms", c->timeout_ms);
    truth(L, "native", c->native != NULL);
    truth(L, "pure", c->pure);
}

static void put_figure(lua_State *L, const struct figure *f)
{
    text(L, "name", f->name);
    text(L, "plugin", f->plugin);
    text(L, "unit", f->unit);
    specs(L, f->args, f->nargs);
    summary(L, f->summary_en, f->summary_zh);
}

static void put_setting(lua_State *L, const struct setting *s)
{
    text(L, "name", s->name);
    text(L, "plugin", s->plugin);
    text(L, "type", s->type.spec);
    text(L, "default", s->type.default_text);
    summary(L, s->summary_en, s->summary_zh);
}

static void put_role(lua_State *L, const struct role_suggestion *r)
{
    text(L, "name", r->name);
    text(L, "plugin", r->plugin);
    texts(L, "grants", r->grants);
    summary(L, r->summary_en, r->summary_zh);
}

#define PUT_ALL(key, kind, list, put)                                                                                  \
    do {                                                                                                               \
        const struct kind *const *items;                                                                               \
        int count = list(r, &items);                                                                                   \
        lua_createtable(L, count, 0);                                                                                  \
        for (int i = 0; i < count; i++) {                                                                              \
            lua_newtable(L);                                                                                           \
            put(L, items[i]);                                                                                          \
            lua_rawseti(L, -2, i + 1);                                                                                 \
        }                                                                                                              \
        lua_setfield(L, -2, key);                                                                                      \
    } while (0)

int tool_declared(lua_State *L)
{
    const struct registry *r = tool_check_plugins(L, 1)->registry;
    luaL_checkstack(L, 20, NULL);
    lua_newtable(L);
    PUT_ALL("plugins", plugin, registry_plugins, put_plugin);
    PUT_ALL("commands", command, registry_commands, put_command);
    PUT_ALL("figures", figure, registry_figures, put_figure);
    PUT_ALL("settings", setting, registry_settings, put_setting);
    PUT_ALL("roles", role_suggestion, registry_roles, put_role);
    return 1;
}
