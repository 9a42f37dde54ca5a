#include "plugin/eval.h"

#include "base/utf8.h"
#include "script/copy.h"
#include "script/fault.h"

#include <lauxlib.h>
#include <string.h>

/* What was typed is tried as an expression first, then as statements; either way its first line stays line 1. Values
 * leave as texts: tables as JSON, since whoever reads them is a person.
 *
 * The buffers belong to the caller, so that an error may jump over all of this. */

enum { TRACE_LINES = 8, TRACE_BYTES = 300 };

#define LOCALS "local call, db, print = ...; "

void eval_close(struct eval *e)
{
    buf_close(&e->values);
    buf_close(&e->printed);
    buf_close(&e->trace);
}

/* Append, or say once that this and what follows is left out. */
static void put_printed(lua_State *L, struct eval *e, struct slice s)
{
    struct buf *out = &e->printed;
    const char *lang = sandbox_of(L)->call->lang;
    if (e->cut)
        return;
    e->cut = out->len + s.len > EVAL_PRINTED_BYTES;
    if (!e->cut)
        buf_slice(out, s);
    else
        buf_fmt(out, lang && strcmp(lang, "zh-CN") == 0 ? "%s（已在 %d KiB 处截断）\n" : "%s(cut at %d KiB)\n",
                out->len > 0 && out->data[out->len - 1] != '\n' ? "\n" : "", EVAL_PRINTED_BYTES / 1024);
}

/* print(…): to the administrator, not to the log. [-n, +0, e] */
static int print(lua_State *L)
{
    struct eval *e = lua_touserdata(L, lua_upvalueindex(1));
    for (int i = 1, n = lua_gettop(L); i <= n; i++) {
        struct slice s;
        s.data = sandbox_tostring(L, i, &s.len);
        if (i > 1)
            put_printed(L, e, SLICE("\t"));
        put_printed(L, e, s);
        lua_pop(L, 1);
    }
    put_printed(L, e, SLICE("\n"));
    return 0;
}

/* (source) → function [-1, +1, e] */
static int compile(lua_State *L)
{
    struct slice s;
    s.data = lua_tolstring(L, 1, &s.len);
    sandbox_compile(L, s, "=console");
    return 1;
}

/* Push the function, or raise what is wrong with the statements. [-0, +1, e] */
static void push_chunk(lua_State *L, struct slice source)
{
    lua_pushcfunction(L, compile);
    lua_pushliteral(L, LOCALS "return ");
    lua_pushlstring(L, source.data, source.len);
    lua_concat(L, 2);
    int status = lua_pcall(L, 1, 1, 0);
    sandbox_poll(L);
    if (status == LUA_OK)
        return;
    lua_pop(L, 1);
    lua_pushcfunction(L, compile);
    lua_pushliteral(L, LOCALS);
    lua_pushlstring(L, source.data, source.len);
    lua_concat(L, 2);
    lua_call(L, 1, 1);
}

/* The lines of a traceback that name a line of Lua. */
static void keep_lines(struct buf *trace, const char *text)
{
    int lines = 0;
    for (const char *line = text; line && lines < TRACE_LINES; line = strchr(line, '\n')) {
        line += strspn(line, "\n\t ");
        size_t len = strcspn(line, "\n");
        if (strncmp(line, "stack traceback", 15) == 0 || line[0] == '[' || trace->len + len > TRACE_BYTES)
            continue;
        buf_fmt(trace, "%s%.*s", lines++ ? "; " : "", (int)len, line);
    }
}

/* The message handler: remember where, and leave the value. [-1, +1, m] */
static int keep_trace(lua_State *L)
{
    struct eval *e = lua_touserdata(L, lua_upvalueindex(1));
    if (sandbox_of(L)->kill != KILL_NONE || fault_at(L, 1) || !lua_checkstack(L, 10))
        return 1;
    buf_clear(&e->trace);
    luaL_traceback(L, L, NULL, 1);
    keep_lines(&e->trace, lua_tostring(L, -1));
    lua_pop(L, 1);
    return 1;
}

/* (value, buf): the value as JSON [-2, +0, e] */
static int append_json(lua_State *L)
{
    copy_json(L, 1, lua_touserdata(L, 2));
    return 0;
}

/* One value as text: JSON, or what tostring says of what has no JSON, such as a table of functions. [-0, +0, e] */
static void write_value(lua_State *L, int index, struct buf *text, struct reply *out)
{
    int top = lua_gettop(L), type = lua_type(L, index);
    bool shown = false;
    if (type == LUA_TTABLE || type == LUA_TSTRING) {
        buf_clear(text);
        lua_pushcfunction(L, append_json);
        lua_pushvalue(L, index);
        lua_pushlightuserdata(L, text);
        shown = lua_pcall(L, 2, 0, 0) == LUA_OK;
        sandbox_poll(L);
    }
    if (shown) {
        reply_text(out, buf_view(text));
    } else {
        struct slice s;
        s.data = sandbox_tostring(L, index, &s.len);
        reply_text(out, s);
    }
    lua_settop(L, top);
}

void eval_chunk(lua_State *L, struct eval *e, int call, struct reply *out)
{
    int base = lua_gettop(L);
    lua_pushlightuserdata(L, e);
    lua_pushcclosure(L, keep_trace, 1);
    push_chunk(L, e->source);
    lua_pushvalue(L, call);
    lua_getfield(L, call, "db");
    lua_pushlightuserdata(L, e);
    lua_pushcclosure(L, print, 1);
    int status = lua_pcall(L, 3, LUA_MULTRET, base + 1);
    sandbox_poll(L);
    if (status != LUA_OK)
        lua_error(L);
    luaL_checkstack(L, 20, "values");
    reply_array_open(out);
    for (int i = base + 2, top = lua_gettop(L); i <= top; i++)
        write_value(L, i, &e->trace, out);
    reply_close(out);
    buf_clear(&e->trace);
}
