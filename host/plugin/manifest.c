#include "plugin/load.h"
#include "plugin/version.h"
#include "script/copy.h"

#include <lauxlib.h>
#include <string.h>

/* manifest.lua: who the plugin is, whom it needs, what it asks for and where it runs. Read before anything else of the
 * plugin, and shown to whoever installs it; so what it says is checked as strictly as a command's declaration. */

enum {
    REQUIRES_MAX = 50,
    ASKS_MAX = 100,
    NAME_MAX_BYTES = 60,
    SUMMARY_MAX_BYTES = 500,
    MEMORY_MIB_MAX = 1024,
    TIME_MS_MAX = LOAD_TIMEOUT_MS_MAX,
};

/* A boolean field; absent is false. [-0, +0, e] */
static bool take_flag(lua_State *L, const struct loading *l, int index, const char *key)
{
    lua_pushstring(L, key);
    int type = lua_rawget(L, index);
    if (type != LUA_TBOOLEAN && type != LUA_TNIL)
        load_refuse(L, l, "manifest: %s must be true or false", key);
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

/* Push the table of a field, an empty one when it is absent: its index. [-0, +1, e] */
static int open_table(lua_State *L, const struct loading *l, int index, const char *key, const char *wanted)
{
    lua_pushstring(L, key);
    const int type = lua_rawget(L, index);
    if (type != LUA_TTABLE && type != LUA_TNIL)
        load_refuse(L, l, "manifest: %s must be %s", key, wanted);
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    return lua_gettop(L);
}

static const char *take_version(lua_State *L, const struct loading *l, int index)
{
    const char *text = load_field(L, l, index, "manifest", "version", true);
    struct version version;
    struct err err = {0};
    if (version_parse(slice_of(text), &version, &err) != 0)
        load_refuse(L, l, "%s", err.text);
    return text;
}

static void check_api(lua_State *L, const struct loading *l, int index)
{
    lua_pushliteral(L, "api");
    lua_rawget(L, index);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) != 1)
        load_refuse(L, l, "api must be 1: this is the only one there is");
    lua_pop(L, 1);
}

/* -- requires -- */

static void check_required(lua_State *L, const struct loading *l, const char *const *names, int count)
{
    const char *name = names[count];
    if (!name_is_plugin(slice_of(name)) || strcmp(name, "muster") == 0)
        load_refuse(L, l, "manifest: requires: \"%s\" is no plugin's name ([a-z][a-z0-9]*)", name);
    if (strcmp(name, l->package->plugin.name) == 0)
        load_refuse(L, l, "manifest: requires: a plugin does not require itself");
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            load_refuse(L, l, "manifest: requires: %s is named twice", name);
}

/* The key's entry of the map at `index`: a version range. [-0, +0, e] */
static const char *take_range(lua_State *L, const struct loading *l, int index, const char *name)
{
    struct err err = {0};
    const char *range = load_field(L, l, index, "manifest: requires", name, true);
    if (range_check(slice_of(range), &err) != 0)
        load_refuse(L, l, "manifest: requires: %s: %s", name, err.text);
    return range[0] ? range : "*";
}

/* A list of names, or a map from name to range. [-0, +0, e] */
static void take_requires(lua_State *L, const struct loading *l, int index, struct plugin *p)
{
    struct arena *arena = &l->registry->arena;
    const int table =
        open_table(L, l, index, "requires",
                   "a list of plugins, or a map of them to version ranges such as { org = \">=1.0 <2\" }");
    size_t n;
    const struct copy_key *keys = copy_keys(L, table, &n);
    if (n > REQUIRES_MAX)
        load_refuse(L, l, "manifest: requires: more than %d plugins", REQUIRES_MAX);
    const bool list = copy_sequence(L, table) >= 0;
    const char **names = arena_alloc(arena, (n + 1) * sizeof(*names));
    const char **ranges = arena_alloc(arena, (n + 1) * sizeof(*ranges));
    const char *const *texts = list ? load_list(L, l, index, "manifest", "requires") : NULL;
    for (size_t i = 0; i < n; i++) {
        if (!list && keys[i].is_number)
            load_refuse(L, l, "manifest: requires is either a list of plugins or a map of them to version ranges");
        names[i] = list ? texts[i] : arena_text(arena, (struct slice){keys[i].text, keys[i].len});
        check_required(L, l, names, (int)i);
        ranges[i] = list ? "*" : take_range(L, l, table, names[i]);
    }
    p->requires = names;
    p->requires_ranges = ranges;
    lua_settop(L, table - 1);
}

/* -- asks -- */

/* An integer field within bounds; absent is 0. [-0, +0, e] */
static int take_bounded(lua_State *L, const struct loading *l, int index, const char *key, int max, const char *unit)
{
    int value = 0;
    lua_pushstring(L, key);
    if (lua_rawget(L, index) != LUA_TNIL) {
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > max)
            load_refuse(L, l, "manifest: asks.%s must be an integer from 1 to %d (%s)", key, max, unit);
        value = (int)lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
    return value;
}

static const char *const *take_names(lua_State *L, const struct loading *l, int index, const char *key)
{
    const char *const *list = load_list(L, l, index, "manifest: asks", key);
    for (int i = 0; list[i]; i++) {
        if (i == ASKS_MAX)
            load_refuse(L, l, "manifest: asks.%s: more than %d", key, ASKS_MAX);
        for (int k = 0; k < i; k++)
            if (strcmp(list[k], list[i]) == 0)
                load_refuse(L, l, "manifest: asks.%s: \"%s\" is named twice", key, list[i]);
    }
    return list;
}

static bool is_word(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");
    return n > 0 && n <= NAME_MAX_BYTES && name[n] == '\0';
}

static const char *const *take_words(lua_State *L, const struct loading *l, int index, const char *key)
{
    const char *const *list = take_names(L, l, index, key);
    for (const char *const *name = list; *name; name++)
        if (!is_word(*name))
            load_refuse(L, l, "manifest: asks.%s: \"%s\" is no name (a-z, 0-9, '_', '.', '-'; at most %d)", key, *name,
                        NAME_MAX_BYTES);
    return list;
}

/* `plugin.verb`, `plugin.noun.verb`, `plugin.*` or `plugin.noun.*`, of a plugin that is required. */
static void check_pattern(lua_State *L, const struct loading *l, const char *pattern)
{
    struct slice s = slice_of(pattern);
    const char *dot = strchr(pattern, '.');
    char owner[41] = "";
    if (dot && (size_t)(dot - pattern) < sizeof(owner))
        memcpy(owner, pattern, (size_t)(dot - pattern));
    const bool star = s.len > 2 && memcmp(s.data + s.len - 2, ".*", 2) == 0;
    if (star)
        s.len -= 2;
    const bool whole = star && slice_is(s, owner); /* plugin.* */
    if (!name_is_plugin(slice_of(owner)) || !(whole || name_is_of(owner, s)) ||
        (star && !whole && memchr(dot + 1, '.', s.len - strlen(owner) - 1)))
        load_refuse(L, l, "manifest: asks.commands: \"%s\": write a command or figure, plugin.* or plugin.noun.*",
                    pattern);
    for (const char *const *name = l->package->plugin.requires; *name; name++)
        if (strcmp(*name, owner) == 0)
            return;
    load_refuse(L, l, "manifest: asks.commands: \"%s\": %s is not in requires", pattern, owner);
}

static void take_asks(lua_State *L, const struct loading *l, int index, struct asks *asks)
{
    static const char *const known[] = {"commands", "effects", "secrets", "memory_mib", "time_ms", NULL};
    const int table = open_table(L, l, index, "asks", "a table such as { commands = { \"org.*\" }, memory_mib = 64 }");
    load_check_keys(L, l, table, "manifest: asks", known);
    asks->commands = take_names(L, l, table, "commands");
    for (const char *const *pattern = asks->commands; *pattern; pattern++)
        check_pattern(L, l, *pattern);
    asks->effects = take_words(L, l, table, "effects");
    asks->secrets = take_words(L, l, table, "secrets");
    asks->memory_mib = take_bounded(L, l, table, "memory_mib", MEMORY_MIB_MAX, "MiB of one Lua state");
    asks->time_ms = take_bounded(L, l, table, "time_ms", TIME_MS_MAX, "milliseconds of one command");
    lua_settop(L, table - 1);
}

/* -- where it runs -- */

/* Native code of a place that nobody vouches for never runs in this process, whatever the manifest says. */
static enum isolation take_isolation(lua_State *L, const struct loading *l, int index)
{
    const struct package *p = l->package;
    const char *text = load_field(L, l, index, "manifest", "isolate", false);
    if (text && strcmp(text, "process") != 0 && strcmp(text, "none") != 0)
        load_refuse(L, l, "manifest: isolate must be \"process\" or \"none\", or left out");
    const bool apart = (text && strcmp(text, "process") == 0) || (p->plugin.native && !p->trusted);
    return apart ? ISOLATION_PROCESS : ISOLATION_NONE;
}

static const char *take_health(lua_State *L, const struct loading *l, int index)
{
    const char *name = load_field(L, l, index, "manifest", "health", false);
    if (name && !name_is_of(l->package->plugin.name, slice_of(name)))
        load_refuse(L, l, "manifest: health: \"%s\" must be a command of this plugin, such as \"%s.health\"", name,
                    l->package->plugin.name);
    return name;
}

/* It stands in every list of plugins. */
static void check_length(lua_State *L, const struct loading *l, const char *summary)
{
    if (summary && strlen(summary) > SUMMARY_MAX_BYTES)
        load_refuse(L, l, "manifest: summary: one sentence, of at most %d bytes; description may be longer",
                    SUMMARY_MAX_BYTES);
}

void load_take_manifest(lua_State *L, struct loading *l, int index)
{
    static const char *const known[] = {"name",   "version", "api",    "summary", "requires",    "units",
                                        "native", "isolate", "health", "asks",    "description", NULL};
    struct plugin *p = &l->package->plugin;
    load_check_keys(L, l, index, "manifest", known);
    const char *name = load_field(L, l, index, "manifest", "name", true);
    if (strcmp(name, p->name) != 0)
        load_refuse(L, l, "name is \"%s\", but its folder is %s", name, p->name);
    p->version = take_version(L, l, index);
    check_api(L, l, index);
    load_summary(L, l, index, "manifest", &p->summary_en, &p->summary_zh);
    check_length(L, l, p->summary_en);
    check_length(L, l, p->summary_zh);
    load_field(L, l, index, "manifest", "description", false);
    take_requires(L, l, index, p);
    take_asks(L, l, index, &p->asks);
    p->units = take_flag(L, l, index, "units");
    p->native = take_flag(L, l, index, "native");
    p->isolation = take_isolation(L, l, index);
    p->health = take_health(L, l, index);
}
