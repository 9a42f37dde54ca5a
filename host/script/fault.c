#include "script/fault.h"

#include "base/log.h"
#include "base/utf8.h"

#include <string.h>

/* call:fail and refused host calls raise a userdata with a whole struct err inside. Anything else a plugin raises is a
 * fault of the plugin: its client reads "plugin NAME, FILE:LINE: text", the log gets the traceback.
 *
 * Error values are never given to metamethods here: a `__tostring` that loops would run outside of the command's
 * protection. */

enum { TEXT_BYTES = 500 };

int fault_raise(lua_State *L, const struct err *err)
{
    struct err *kept = lua_newuserdatauv(L, sizeof(*kept), 0);
    *kept = *err;
    lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->ref_refusal);
    lua_setmetatable(L, -2);
    return lua_error(L);
}

const struct err *fault_at(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->ref_refusal);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? lua_touserdata(L, index) : NULL;
}

/* e.code, e.rule, e.arg, e.state, e.allowed, e.text. [-0, +1, m] */
static int refusal_index(lua_State *L)
{
    const struct err *e = fault_at(L, 1);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    const struct {
        const char *name, *text;
    } fields[] = {
        {"code", e ? err_token(e->code) : ""}, {"rule", e ? e->rule : ""},       {"arg", e ? e->arg : ""},
        {"state", e ? e->state : ""},          {"allowed", e ? e->allowed : ""}, {"text", e ? e->text : ""},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(key, fields[i].name) == 0 && fields[i].text[0]) {
            lua_pushstring(L, fields[i].text);
            return 1;
        }
    lua_pushnil(L);
    return 1;
}

/* "POLICY fund.member_only: only members may give dues". [-0, +1, m] */
static int refusal_tostring(lua_State *L)
{
    const struct err *e = fault_at(L, 1);
    if (!e)
        lua_pushliteral(L, "refusal");
    else if (e->rule[0])
        lua_pushfstring(L, "%s %s: %s", err_token(e->code), e->rule, e->text);
    else
        lua_pushfstring(L, "%s: %s", err_token(e->code), e->text);
    return 1;
}

void fault_open(lua_State *L)
{
    lua_createtable(L, 0, 4);
    lua_pushcfunction(L, refusal_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refusal_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "refusal");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    sandbox_of(L)->ref_refusal = luaL_ref(L, LUA_REGISTRYINDEX);
}

int fault_of_sql(struct err *err, const char *plugin, const char *place)
{
    struct err wrong = *err;
    if (err->code == ERR_ARG || err->code == ERR_POLICY)
        err_rule(err, ERR_INTERNAL, wrong.rule, NULL, "plugin %s, %sSQL: %s", plugin, place, wrong.text);
    return err->code;
}

int fault_trace(lua_State *L)
{
    struct sandbox *sb = sandbox_of(L);
    if (sb->kill != KILL_NONE || fault_at(L, 1) || !lua_checkstack(L, 10))
        return 1;
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : luaL_typename(L, 1);
    if (!strstr(text, "stack overflow")) {
        luaL_traceback(L, L, NULL, 1);
        if (sb->trace)
            buf_fmt(sb->trace, "%s: %s\n%s", sb->options.plugin, text, lua_tostring(L, -1));
        else
            log_error("plugin", "%s: %s\n%s", sb->options.plugin, text, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return 1;
}

static int take_kill(struct sandbox *sb, const struct frame *frame, struct err *err)
{
    const char *at = sb->where[0] ? sb->where : "a call of the host";
    const char *command = sb->stopped_command ? sb->stopped_command : frame->command;
    log_warn("plugin", "%s: command %s stopped at %s, %s limit, %zu bytes in use", frame->plugin, command, at,
             sb->kill == KILL_MEMORY ? "memory" : "time", sb->used);
    if (sb->kill == KILL_MEMORY)
        return err_rule(
            err, ERR_LIMIT, "limit.memory", NULL,
            "plugin %s, command %s: stopped, it needs more than %zu KiB of memory; nothing was kept; ask for "
            "less at once, and see whether it calls itself without end; it was at %s",
            frame->plugin, command, sb->options.soft_bytes / 1024, at);
    return err_rule(
        err, ERR_TIMEOUT, "limit.time", NULL,
        "plugin %s, command %s: stopped after its limit of %d ms; nothing was kept; ask for less at once, or "
        "raise timeout_ms in its declaration; it was at %s",
        frame->plugin, command, sb->stopped_command ? sb->stopped_limit_ms : frame->limit_ms, at);
}

/* Does it begin with "init.lua:12:" or the like? What the host raises for a command, about its reply, does not. */
static bool has_place(const char *text)
{
    size_t word = strcspn(text, " ");
    return memmem(text, word, ".lua:", 5) || strncmp(text, "console:", 8) == 0;
}

static int take_text(lua_State *L, const struct frame *frame, struct err *err)
{
    size_t len = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (!text)
        return err_set(err, ERR_INTERNAL, "plugin %s, command %s: raised a %s instead of a text", frame->plugin,
                       frame->command, luaL_typename(L, -1));
    if (strstr(text, "stack overflow"))
        return err_rule(err, ERR_LIMIT, "limit.stack", NULL,
                        "plugin %s, command %s: stopped, its calls nest too deeply; nothing was kept", frame->plugin,
                        frame->command);
    struct slice s = {text, len};
    if (!utf8_valid(s))
        s = SLICE("raised a text that is not UTF-8");
    const bool placed = has_place(text), loads = strcmp(frame->command, "init.lua") == 0;
    return err_set(err, ERR_INTERNAL, "plugin %s, %s%s%s%.*s", frame->plugin, placed || loads ? "" : "command ",
                   placed ? "" : frame->command, placed ? "" : ": ", (int)utf8_cut(s, TEXT_BYTES), s.data);
}

int fault_take(struct sandbox *sb, lua_State *L, int status, const struct frame *frame, struct err *err)
{
    if (sb->kill != KILL_NONE)
        return take_kill(sb, frame, err);
    const struct err *refusal = fault_at(L, -1);
    if (refusal) {
        if (err)
            *err = *refusal;
        return refusal->code;
    }
    if (status == LUA_ERRERR)
        return err_rule(err, ERR_LIMIT, "limit.stack", NULL,
                        "plugin %s, command %s: stopped, an error while handling an error", frame->plugin,
                        frame->command);
    return take_text(L, frame, err);
}
