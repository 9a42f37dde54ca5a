#include "cli/tool.h"

#include "script/binding.h"
#include "store/guard.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What Lua's own libraries lack for a look at a plugin's folder, and the rules of the portable SQL. */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* list(dir) → {name, …} without hidden ones, or nil. [-0, +1, m] */
static int list(lua_State *L)
{
    struct dirent **names = NULL;
    int count = scandir(luaL_checkstring(L, 1), &names, NULL, alphasort), n = 0;
    if (count < 0)
        return 0;
    char **kept = mem_alloc(((size_t)count + 1) * sizeof *kept);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.')
            kept[n++] = names[i]->d_name;
    }
    qsort(kept, (size_t)n, sizeof *kept, by_text);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(L, kept[i]);
        lua_rawseti(L, -2, i + 1);
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(kept);
    return 1;
}

/* kind(path) → "file", "folder" or nil. [-0, +1, v] */
static int kind(lua_State *L)
{
    struct stat st;
    if (stat(luaL_checkstring(L, 1), &st) != 0)
        return 0;
    lua_pushstring(L, S_ISDIR(st.st_mode) ? "folder" : "file");
    return 1;
}

/* real(path) → absolute path or nil. [-0, +1, v] */
static int real(lua_State *L)
{
    char *path = realpath(luaL_checkstring(L, 1), NULL);
    lua_pushstring(L, path); /* NULL: nil */
    free(path);
    return 1;
}

/* make_folder(path) → nil, or why not. [-0, +1, v] */
static int make_folder(lua_State *L)
{
    if (mkdir(luaL_checkstring(L, 1), 0777) == 0)
        return 0;
    lua_pushstring(L, strerror(errno));
    return 1;
}

/* lint(sql, migration) → nil, or text and rule. [-0, +2, v] */
static int lint(lua_State *L)
{
    struct slice sql;
    struct err err = {0};
    sql.data = luaL_checklstring(L, 1, &sql.len);
    if (guard_lint(sql, lua_toboolean(L, 2) ? GUARD_MIGRATION : GUARD_COMMAND, &err) == 0)
        return 0;
    lua_pushstring(L, err.text);
    lua_pushstring(L, err.rule);
    return 2;
}

/* statements(sql) → {{text=, line=}, …}. [-0, +1, v] */
static int statements(lua_State *L)
{
    struct slice rest;
    int line = 1, n = 0;
    rest.data = luaL_checklstring(L, 1, &rest.len);
    lua_newtable(L);
    for (size_t len; (len = guard_statement(rest)) > 0; rest.data += len, rest.len -= len) {
        size_t blank = 0;
        while (blank < len && strchr(" \t\r\n", rest.data[blank]))
            line += rest.data[blank++] == '\n';
        lua_createtable(L, 0, 2);
        lua_pushlstring(L, rest.data + blank, len - blank);
        lua_setfield(L, -2, "text");
        lua_pushinteger(L, line);
        lua_setfield(L, -2, "line");
        lua_rawseti(L, -2, ++n);
        for (size_t i = blank; i < len; i++)
            line += rest.data[i] == '\n';
    }
    return 1;
}

/* same_items(format, other) → boolean. [-0, +1, v] */
static int same_items(lua_State *L)
{
    lua_pushboolean(L, binding_same_items(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    return 1;
}

/* compile(dir, force) → what the compiler said, or nil and why not. [-0, +2, v] */
static int compile(lua_State *L)
{
    struct buf said = {0};
    struct err err = {0};
    if (plugin_build(luaL_checkstring(L, 1), lua_toboolean(L, 2), &said, &err) == 0) {
        lua_pushlstring(L, said.len > 0 ? said.data : "", said.len);
        buf_close(&said);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "%s%s%s", err.text, said.len > 0 ? "\n" : "", said.len > 0 ? buf_cstr(&said) : "");
    buf_close(&said);
    return 2;
}

void tool_open_files(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"list", list},
        {"kind", kind},
        {"real", real},
        {"make_folder", make_folder},
        {"lint", lint},
        {"statements", statements},
        {"same_items", same_items},
        {"compile", compile},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
