#include "script/library.h"

#include <limits.h>
#include <string.h>

/* The library `table`, as the reference manual 5.4 (§6.6) describes it, but for sort (sort.c). Lengths and elements go
 * through metamethods, so a list may claim any length; every step asks for the kill. */

enum { READS = 1, WRITES = 2, MEASURES = 4 };

/* A table, or something whose metatable has what is needed. [-0, +0, e] */
static void check_list(lua_State *L, int arg, int needs)
{
    static const char *const fields[] = {"__index", "__newindex", "__len"};
    if (lua_istable(L, arg))
        return;
    bool able = lua_getmetatable(L, arg);
    for (int i = 0; able && i < 3; i++)
        if (needs & 1 << i) {
            lua_pushstring(L, fields[i]);
            able = lua_rawget(L, -2) != LUA_TNIL;
            lua_pop(L, 1);
        }
    if (!able)
        luaL_checktype(L, arg, LUA_TTABLE);
    lua_pop(L, 1);
}

static lua_Integer check_length(lua_State *L, int arg, int needs)
{
    check_list(L, arg, needs | MEASURES);
    return luaL_len(L, arg);
}

/* list[to] = list[from] [-0, +0, e] */
static void copy_item(lua_State *L, int from_list, lua_Integer from, int to_list, lua_Integer to)
{
    sandbox_poll(L);
    lua_geti(L, from_list, from);
    lua_seti(L, to_list, to);
}

/* table.insert(list, [pos,] value) [-n, +0, e] */
static int tab_insert(lua_State *L)
{
    lua_Integer last = (lua_Integer)((lua_Unsigned)check_length(L, 1, READS | WRITES) + 1), pos = last;
    int n = lua_gettop(L);
    if (n != 2 && n != 3)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    if (n == 3) {
        pos = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)pos - 1 < (lua_Unsigned)last, 2, "position out of bounds");
        for (lua_Integer i = last; i > pos; i--)
            copy_item(L, 1, i - 1, 1, i);
    }
    lua_seti(L, 1, pos);
    return 0;
}

/* table.remove(list [, pos]) → value [-n, +1, e] */
static int tab_remove(lua_State *L)
{
    lua_Integer length = check_length(L, 1, READS | WRITES), pos = luaL_optinteger(L, 2, length);
    if (pos != length)
        luaL_argcheck(L, (lua_Unsigned)pos - 1 <= (lua_Unsigned)length, 2, "position out of bounds");
    lua_geti(L, 1, pos);
    for (; pos < length; pos++)
        copy_item(L, 1, pos + 1, 1, pos);
    lua_pushnil(L);
    lua_seti(L, 1, pos);
    return 1;
}

/* table.move(a1, first, last, to [, a2]) → a2 [-n, +1, e] */
static int tab_move(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    check_list(L, 1, READS);
    check_list(L, target, WRITES);
    lua_pushvalue(L, target);
    if (last < first)
        return 1;
    luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
    lua_Integer n = last - first + 1;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
    /* From the end that is not overwritten before it was read. */
    bool upwards = to > last || to <= first || (target != 1 && !lua_compare(L, 1, target, LUA_OPEQ));
    for (lua_Integer i = 0; i < n; i++) {
        lua_Integer k = upwards ? i : n - 1 - i;
        copy_item(L, 1, first + k, target, to + k);
    }
    return 1;
}

/* table.concat(list [, separator [, first [, last]]]) → text [-n, +1, e] */
static int tab_concat(lua_State *L)
{
    lua_Integer last = check_length(L, 1, READS);
    struct slice separator;
    separator.data = luaL_optlstring(L, 2, "", &separator.len);
    lua_Integer first = luaL_optinteger(L, 3, 1);
    last = luaL_optinteger(L, 4, last);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = first; i <= last; i++) {
        sandbox_poll(L);
        lua_geti(L, 1, i);
        if (!lua_isstring(L, -1))
            return luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)i);
        text_add_value(&b);
        if (i == last) /* which may be the largest integer */
            break;
        text_add(&b, separator.data, separator.len);
    }
    luaL_pushresult(&b);
    return 1;
}

lua_Integer tables_length(lua_State *L, int arg)
{
    return check_length(L, arg, READS | WRITES);
}

/* table.pack(…) → { n = count, … } [-n, +1, m] */
static int tab_pack(lua_State *L)
{
    int n = lua_gettop(L);
    lua_createtable(L, n, 1);
    lua_insert(L, 1);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, 1, i);
    lua_pushinteger(L, n);
    lua_setfield(L, 1, "n");
    return 1;
}

/* table.unpack(list [, first [, last]]) → values [-n, +m, e] */
static int tab_unpack(lua_State *L)
{
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (first > last)
        return 0;
    lua_Unsigned more = (lua_Unsigned)last - (lua_Unsigned)first;
    if (more >= INT_MAX || !lua_checkstack(L, (int)more + 1))
        return luaL_error(L, "too many results to unpack");
    for (lua_Unsigned k = 0; k <= more; k++) {
        sandbox_poll(L);
        lua_geti(L, 1, (lua_Integer)((lua_Unsigned)first + k));
    }
    return (int)more + 1;
}

void sandbox_open_tables(lua_State *L)
{
    static const luaL_Reg own[] = {
        {"insert", tab_insert}, {"remove", tab_remove}, {"move", tab_move},  {"concat", tab_concat},
        {"pack", tab_pack},     {"unpack", tab_unpack}, {"sort", sort_list}, {NULL, NULL},
    };
    luaL_newlib(L, own);
    lua_setglobal(L, "table");
}
