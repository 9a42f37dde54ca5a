/* Inside script/: what the files of the libraries `string` and `table` share. */
#ifndef MUSTER_SCRIPT_LIBRARY_H
#define MUSTER_SCRIPT_LIBRARY_H

#include "script/sandbox.h"

/* format.c: string.format(format, …) → text [-n, +1, e] */
int format_run(lua_State *L);

/* sort.c: table.sort(list [, less]) [-n, +0, e] */
int sort_list(lua_State *L);
/* tables.c: the length of a list that will be read and written. [-0, +0, e] */
lua_Integer tables_length(lua_State *L, int arg);

/* Raise when a text of this many bytes is more than one string may have. [-0, +0, v] */
static inline void text_check(lua_State *L, size_t len)
{
    if (len > sandbox_of(L)->options.string_bytes)
        luaL_error(L, "resulting string too large");
}

/* Append bytes. [-?, +?, e] */
static inline void text_add(luaL_Buffer *b, const char *bytes, size_t len)
{
    text_check(b->L, luaL_bufflen(b) + len);
    luaL_addlstring(b, bytes, len);
}

/* Append the string or number on top of the stack. [-1, +?, e] */
static inline void text_add_value(luaL_Buffer *b)
{
    size_t len;
    lua_tolstring(b->L, -1, &len);
    text_check(b->L, luaL_bufflen(b) + len);
    luaL_addvalue(b);
}

#endif
