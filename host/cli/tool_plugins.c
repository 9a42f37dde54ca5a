#include "cli/tool.h"

#include "base/clock.h"
#include "cli/beside.h"
#include "cli/tool_plugins.h"
#include "ops/commands.h"
#include "plugin/package.h"
#include "script/watchdog.h"
#include "store/changes.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Plugins loaded from their folders, as a userdata: what they declare, and a scratch database with their tables, on a
 * memory file system where there is one. The watchdog runs as long as such an object lives. */

struct tool_plugins *tool_check_plugins(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, TOOL_PLUGINS);
}

int tool_temporary(char *out, size_t size, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : tmp && *tmp ? tmp : "/tmp";
    if (snprintf(out, size, "%s/muster-XXXXXX", dir) >= (int)size || !mkdtemp(out))
        return err_set(err, ERR_IO, "a temporary folder in %s cannot be made", dir);
    return 0;
}

/* -- loading -- */

/* The last part of a path. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void take_folders(lua_State *L, int index, struct tool_plugins *p, struct plugin_place *places)
{
    for (int i = 0; i < p->nfolders; i++) {
        lua_rawgeti(L, index, i + 1);
        p->folders[i] = realpath(luaL_checkstring(L, -1), NULL);
        if (!p->folders[i])
            luaL_error(L, "%s: there is no such folder", lua_tostring(L, -1));
        places[i] = (struct plugin_place){.name = base_name(p->folders[i]), .folder = p->folders[i], .trusted = true};
        lua_pop(L, 1);
    }
}

/* The texts of the sequence `key` at 1, ended by NULL; they live as long as that table. [-0, +1, e] */
static void take_names(lua_State *L, const char *key, const char *names[TOOL_FOLDERS_MAX + 1])
{
    int count = 0;
    if (lua_getfield(L, 1, key) == LUA_TTABLE) {
        for (; lua_rawgeti(L, -1, count + 1) == LUA_TSTRING && count < TOOL_FOLDERS_MAX; lua_pop(L, 1))
            names[count++] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    names[count] = NULL;
}

/* plugins{folder, …, bundled = true, without = {name, …}} → object, or nil and why not. [-0, +2, e] */
static int load(lua_State *L)
{
    struct plugin_place places[TOOL_FOLDERS_MAX];
    const char *without[TOOL_FOLDERS_MAX + 1];
    char native_dir[BESIDE_PATH_BYTES];
    struct err err = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "bundled");
    bool bundled = lua_toboolean(L, -1);
    take_names(L, "without", without);
    lua_pushfstring(L, "%s/plugins", tool_share());
    lua_pushfstring(L, "%s/api/lib", tool_share());
    const char *plugins_dir = lua_tostring(L, -2), *lib_dir = lua_tostring(L, -1);
    struct tool_plugins *p = lua_newuserdatauv(L, sizeof *p, 0);
    memset(p, 0, sizeof *p);
    luaL_setmetatable(L, TOOL_PLUGINS);
    p->nfolders = (int)lua_rawlen(L, 1);
    luaL_argcheck(L, p->nfolders <= TOOL_FOLDERS_MAX, 1, "too many folders");
    take_folders(L, 1, p, places);
    const struct registry_sources sources = {
        .plugins_dir = bundled ? plugins_dir : NULL,
        .places = places,
        .nplaces = p->nfolders,
        .native_dir = beside_native_dir(native_dir),
        .disabled = without,
        .lib_dir = lib_dir,
        .host = host_commands,
    };
    p->watching = watchdog_start(&err) == 0;
    if (p->watching && registry_load(&sources, 1, &p->registry, &err) == 0)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}

static int collect(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    store_close(p->scratch);
    if (p->scratch_dir[0])
        folder_remove(p->scratch_dir, NULL);
    registry_unref(p->registry);
    for (int i = 0; i < p->nfolders; i++)
        free(p->folders[i]);
    if (p->watching)
        watchdog_stop();
    memset(p, 0, sizeof *p);
    return 0;
}

/* -- the scratch database -- */

static int open_scratch(struct tool_plugins *p, struct err *err)
{
    char path[TOOL_PATH_BYTES + 16];
    const struct plugin *const *plugins;
    const struct store_options options = {.path = path, .scratch = true};
    int rv = tool_temporary(p->scratch_dir, sizeof p->scratch_dir, err);
    snprintf(path, sizeof path, "%s/muster.db", p->scratch_dir);
    if (rv == 0)
        rv = store_open(&options, STORE_WRITER, &p->scratch, err);
    if (rv == 0)
        rv = migrate_host(p->scratch, err);
    int count = registry_plugins(p->registry, &plugins);
    for (int i = 0; i < count && rv >= 0; i++) {
        const struct migration *list;
        int n = registry_migrations(p->registry, plugins[i]->name, &list);
        rv = migrate(p->scratch, plugins[i]->name, list, n, err);
    }
    return rv < 0 ? rv : 0;
}

/* Push nil, text and rule. [-0, +3, m] */
static int refuse(lua_State *L, const struct err *err)
{
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushstring(L, err->rule);
    return 3;
}

/* p:migrate() → true, or nil, text, rule: every plugin's migrations on a scratch database. [-0, +3, v] */
static int apply(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    struct err err = {0};
    if (!p->scratch && open_scratch(p, &err) != 0)
        return refuse(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* Inside a batch: go back to the first `count` migrations and on to all of them again. Nothing of it stays. */
static int there_and_back(struct store *s, const char *plugin, const struct migration *list, int total, int count,
                          struct err *err)
{
    const struct store_request request = {.at_ms = 1};
    struct buf ignored = {0};
    int rv = store_command_begin(s, &request, &ignored, err);
    if (rv == STORE_NEW) {
        rv = migrate_within(s, plugin, list, count, err);
        if (rv >= 0)
            rv = migrate_within(s, plugin, list, total, err);
        store_command_abort(s);
    }
    buf_close(&ignored);
    return rv < 0 ? rv : 0;
}

/* p:back(plugin) → true, or nil, text, rule and the migration's name: does each way back lead somewhere? The newest
 * first, up to the one that has none. After p:migrate. [-0, +4, v] */
static int back(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    const char *plugin = luaL_checkstring(L, 2);
    const struct migration *list;
    struct err err = {0};
    luaL_argcheck(L, p->scratch != NULL, 1, "migrate first");
    int i = registry_migrations(p->registry, plugin, &list), total = i, rv = store_batch_begin(p->scratch, &err);
    for (; rv == 0 && i > 0 && (list[i - 1].down.len > 0 || migration_additive(&list[i - 1])); i--)
        rv = there_and_back(p->scratch, plugin, list, total, i - 1, &err);
    store_batch_abort(p->scratch);
    if (rv == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    refuse(L, &err);
    lua_pushstring(L, i < total ? list[i].name : NULL);
    return 4;
}

/* p:prepare(plugin, sql) → number of parameters, or nil, text, rule. After p:migrate. [-0, +3, v] */
static int prepare(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    struct slice sql;
    struct err err = {0};
    const char *plugin = luaL_checkstring(L, 2);
    sql.data = luaL_checklstring(L, 3, &sql.len);
    luaL_argcheck(L, p->scratch != NULL, 1, "migrate first");
    int params = store_check_sql(p->scratch, plugin, sql, &err);
    if (params < 0)
        return refuse(L, &err);
    lua_pushinteger(L, params);
    return 1;
}

/* p:migrations(plugin) → {{name=, additive=, down=}, …}. [-0, +1, m] */
static int migrations(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    const struct migration *list;
    int count = registry_migrations(p->registry, luaL_checkstring(L, 2), &list);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_createtable(L, 0, 3);
        lua_pushstring(L, list[i].name);
        lua_setfield(L, -2, "name");
        lua_pushboolean(L, migration_additive(&list[i]));
        lua_setfield(L, -2, "additive");
        lua_pushboolean(L, list[i].down.len > 0);
        lua_setfield(L, -2, "down");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* p:translate(plugin, format) → its Chinese text, or nil. [-0, +1, v] */
static int translate(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    lua_pushstring(L, registry_translate(p->registry, luaL_checkstring(L, 2), "zh-CN", luaL_checkstring(L, 3)));
    return 1;
}

void tool_open_plugins(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"migrate", apply},         {"back", back},           {"prepare", prepare},
        {"migrations", migrations}, {"translate", translate}, {"declared", tool_declared},
        {"host", tool_host},        {"__gc", collect},        {NULL, NULL},
    };
    luaL_newmetatable(L, TOOL_PLUGINS);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    tool_open_host(L);
    lua_pushcfunction(L, load);
    lua_setfield(L, -2, "plugins");
}
