#include "ops/config_read.h"

#include "base/utf8.h"
#include "ops/config_keys.h"
#include "plugin/spec.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

/* The file is a Lua chunk, run in a state without a single library, without globals, with little memory and few
 * instructions: a table constructor needs no more. It must return one table; functions in it are refused as any
 * value of a wrong type is.
 *
 * Lua raises errors by jumping, so everything here runs inside one protected call, and what must be freed after it
 * belongs to the struct config. */

enum { MEMORY_BYTES = 1024 * 1024, INSTRUCTIONS = 100000, NEAR = 3, TEXT_BYTES = 1024 };

struct reading {
    const char *name;
    struct slice text;
    struct config *config;
    struct err *err;
    int rv;
    size_t used;
};

/* -- the state -- */

static void *allocate(void *ud, void *p, size_t old, size_t new)
{
    struct reading *r = ud;
    size_t had = p ? old : 0;
    if (new > had && r->used + (new - had) > MEMORY_BYTES)
        return NULL;
    r->used += new - had;
    if (new == 0) {
        free(p);
        return NULL;
    }
    return mem_realloc(p, new);
}

static void too_long(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    luaL_error(L, "it runs too long: a configuration is data, not a program");
}

/* -- values -- */

static const struct config_key *find(const char *section, struct slice name)
{
    for (int i = 0; i < config_nkeys; i++) {
        if (strcmp(config_keys[i].section, section) == 0 && slice_is(name, config_keys[i].name))
            return &config_keys[i];
    }
    return NULL;
}

static bool is_section(struct slice name)
{
    for (int i = 0; i < config_nkeys; i++) {
        if (config_keys[i].section[0] && slice_is(name, config_keys[i].section))
            return true;
    }
    return false;
}

/* The setting nearest in spelling, wherever it stands: written "limits.args". */
static bool nearest(struct slice name, char out[128])
{
    int best = NEAR;
    out[0] = '\0';
    for (int i = 0; i < config_nkeys; i++) {
        const struct config_key *key = &config_keys[i];
        int d = name_distance(name, slice_of(key->name), NEAR);
        if (d < best && (size_t)d < name.len) {
            best = d;
            snprintf(out, 128, "%s%s%s", key->section, key->section[0] ? "." : "", key->name);
        }
    }
    return out[0] != '\0';
}

static int refuse_unknown(struct reading *r, const char *section, struct slice name)
{
    char near[128], shown[64];
    snprintf(shown, sizeof(shown), "%.*s", (int)(name.len < 60 ? utf8_cut(name, 60) : 60), name.data);
    const char *dot = section[0] ? "." : "";
    if (!nearest(name, near))
        return err_rule(r->err, ERR_ARG, "config.unknown", shown, "%s: there is no setting %s%s%s", r->name, section,
                        dot, shown);
    int rv = err_rule(r->err, ERR_ARG, "config.unknown", shown, "%s: there is no setting %s%s%s; did you mean %s?",
                      r->name, section, dot, shown, near);
    if (r->err)
        snprintf(r->err->allowed, sizeof(r->err->allowed), "%s", near);
    return rv;
}

static int refuse_type(struct reading *r, const struct config_key *key, const char *wanted, const char *got)
{
    return err_rule(r->err, ERR_ARG, "config.type", key->name, "%s: %s%s%s is %s, not a %s", r->name, key->section,
                    key->section[0] ? "." : "", key->name, wanted, got);
}

static int set_number(struct reading *r, lua_State *L, const struct config_key *key)
{
    int exact = 0;
    lua_Integer n = lua_tointegerx(L, -1, &exact);
    if (lua_type(L, -1) != LUA_TNUMBER || !exact)
        return refuse_type(r, key, "a whole number",
                           lua_type(L, -1) == LUA_TNUMBER ? "fraction" : luaL_typename(L, -1));
    if (n < key->min || n > key->max)
        return err_rule(r->err, ERR_ARG, "config.range", key->name, "%s: %s%s%s = %lld is not within %lld to %lld",
                        r->name, key->section, key->section[0] ? "." : "", key->name, (long long)n, (long long)key->min,
                        (long long)key->max);
    config_set_number(r->config, key, n);
    return 0;
}

/* The text on top of the stack; refuses NUL, bad UTF-8 and excess. */
static int get_text(struct reading *r, lua_State *L, const struct config_key *key, struct slice *out)
{
    if (lua_type(L, -1) != LUA_TSTRING)
        return refuse_type(r, key, "a text", luaL_typename(L, -1));
    out->data = lua_tolstring(L, -1, &out->len);
    if (out->len > TEXT_BYTES || !utf8_valid(*out))
        return err_rule(r->err, ERR_ARG, "config.range", key->name, "%s: %s is UTF-8 of at most %d bytes, without NUL",
                        r->name, key->name, TEXT_BYTES);
    return 0;
}

static int set_word(struct reading *r, lua_State *L, const struct config_key *key)
{
    struct slice text;
    if (key->words == config_no_yes && lua_type(L, -1) == LUA_TBOOLEAN) {
        config_set_number(r->config, key, lua_toboolean(L, -1));
        return 0;
    }
    int rv = get_text(r, L, key, &text);
    if (rv)
        return rv;
    char known[160] = "";
    for (int i = 0; key->words[i]; i++) {
        if (slice_is(text, key->words[i])) {
            config_set_number(r->config, key, i);
            return 0;
        }
        size_t len = strlen(known);
        snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "", key->words[i]);
    }
    rv = err_rule(r->err, ERR_ARG, "config.range", key->name, "%s: %s is one of %s", r->name, key->name, known);
    if (r->err)
        snprintf(r->err->allowed, sizeof(r->err->allowed), "%s", known);
    return rv;
}

static bool digits(const char *at, int *out)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *out = (at[0] - '0') * 10 + (at[1] - '0');
    return true;
}

static int set_zone(struct reading *r, lua_State *L, const struct config_key *key)
{
    struct slice text;
    int rv = get_text(r, L, key, &text);
    if (rv)
        return rv;
    int hours, minutes;
    const char *at = text.data;
    if (text.len != 6 || (at[0] != '+' && at[0] != '-') || !digits(at + 1, &hours) || at[3] != ':' ||
        !digits(at + 4, &minutes) || hours > 14 || minutes > 59)
        return err_rule(r->err, ERR_ARG, "config.range", key->name, "%s: %s is an offset from UTC, as \"+08:00\"",
                        r->name, key->name);
    config_set_number(r->config, key, (at[0] == '-' ? -1 : 1) * (hours * 60 + minutes));
    return 0;
}

static int set_names(struct reading *r, lua_State *L, const struct config_key *key)
{
    const char **list = config_field(r->config, key);
    if (lua_type(L, -1) != LUA_TTABLE)
        return refuse_type(r, key, "a list of names", luaL_typename(L, -1));
    lua_Unsigned count = lua_rawlen(L, -1), pairs = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        pairs++;
    if (pairs != count || count > CONFIG_DISABLED_MAX)
        return err_rule(r->err, ERR_ARG, "config.range", key->name, "%s: %s is a list of at most %d names", r->name,
                        key->name, CONFIG_DISABLED_MAX);
    int rv = 0;
    for (lua_Unsigned i = 0; rv == 0 && i < count; i++) {
        struct slice text;
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        rv = get_text(r, L, key, &text);
        if (rv == 0)
            list[i] = mem_dup_slice(text);
        lua_pop(L, 1);
    }
    return rv;
}

static int set_text(struct reading *r, lua_State *L, const struct config_key *key)
{
    struct slice text;
    int rv = get_text(r, L, key, &text);
    if (rv)
        return rv;
    char **field = config_field(r->config, key);
    free(*field);
    *field = mem_dup_slice(text);
    return 0;
}

static int set_value(struct reading *r, lua_State *L, const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_TEXT:
        return set_text(r, L, key);
    case CONFIG_WORD:
        return set_word(r, L, key);
    case CONFIG_ZONE:
        return set_zone(r, L, key);
    case CONFIG_NAMES:
        return set_names(r, L, key);
    default:
        return set_number(r, L, key);
    }
}

/* The table on top of the stack. */
static int read_table(struct reading *r, lua_State *L, const char *section)
{
    int rv = 0;
    lua_pushnil(L);
    while (rv == 0 && lua_next(L, -2)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            rv = err_rule(r->err, ERR_ARG, "config.unknown", NULL, "%s: settings have names: write name = value",
                          r->name);
        } else {
            struct slice name;
            name.data = lua_tolstring(L, -2, &name.len);
            const struct config_key *key = find(section, name);
            if (key)
                rv = set_value(r, L, key);
            else if (section[0] == '\0' && is_section(name) && lua_type(L, -1) == LUA_TTABLE)
                rv = read_table(r, L, name.data);
            else if (section[0] == '\0' && is_section(name))
                rv = err_rule(r->err, ERR_ARG, "config.type", name.data, "%s: %s is a table, not a %s", r->name,
                              name.data, luaL_typename(L, -1));
            else
                rv = refuse_unknown(r, section, name);
        }
        lua_pop(L, 1);
    }
    return rv;
}

/* [-0, +0, e] */
static int protected_read(lua_State *L)
{
    struct reading *r = lua_touserdata(L, 1);
    luaL_checkstack(L, 20, "configuration");
    if (luaL_loadbufferx(L, r->text.data ? r->text.data : "", r->text.len, lua_pushfstring(L, "@%s", r->name), "t") !=
        LUA_OK)
        return lua_error(L);
    lua_newtable(L); /* an empty environment: no globals */
    lua_setupvalue(L, -2, 1);
    lua_sethook(L, too_long, LUA_MASKCOUNT, INSTRUCTIONS);
    lua_call(L, 0, 1);
    lua_sethook(L, NULL, 0, 0);
    if (lua_type(L, -1) != LUA_TTABLE)
        return luaL_error(L, "it returns a %s; write return { … }", luaL_typename(L, -1));
    r->rv = read_table(r, L, "");
    return 0;
}

int config_read(const char *name, struct slice text, struct config *c, struct err *err)
{
    struct reading r = {.name = name, .text = text, .config = c, .err = err};
    lua_State *L = lua_newstate(allocate, &r);
    if (!L)
        return err_set(err, ERR_INTERNAL, "%s: no Lua state", name);
    lua_pushcfunction(L, protected_read);
    lua_pushlightuserdata(L, &r);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *said = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "not a configuration";
        r.rv = err_rule(err, ERR_ARG, "config.syntax", NULL, "%s: %s", name, said);
    }
    lua_close(L);
    return r.rv;
}

/* -- what the names say -- */

static bool ends_in(const char *name, const char *tail)
{
    size_t n = strlen(name), t = strlen(tail);
    return n >= t && strcmp(name + n - t, tail) == 0;
}

const char *config_unit(const struct config_key *key)
{
    static const struct {
        const char *tail, *unit;
    } units[] = {
        {"_ms", "ms"},
        {"_mib", "MiB"},
        {"_days", "days"},
        {"_s", "s"},
        {"_bytes", "bytes"},
        {"_bytes_before", "bytes"},
        {"output_before", "bytes"},
        {"output_hard", "bytes"},
        {"output_soft", "bytes"},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ends_in(key->name, units[i].tail))
            return units[i].unit;
    }
    return "";
}

const char *config_phase(const struct config_key *key)
{
    if (ends_in(key->name, "_before") || strcmp(key->name, "sign_in_ms") == 0 ||
        strncmp(key->name, "handshake", 9) == 0)
        return "before sign-in";
    static const char *const after[] = {"line_bytes",  "message_bytes",  "args",   "output_hard",
                                        "output_soft", "output_soft_ms", "idle_ms"};
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        if (strcmp(key->name, after[i]) == 0)
            return "after sign-in";
    }
    return "";
}
