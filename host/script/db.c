#include "base/utf8.h"
#include "script/binding.h"
#include "script/copy.h"
#include "script/fault.h"

#include <string.h>

/* call.db: SQL of the plugin, through the store's guard. Rows are read whole, within the store's limits of rows and
 * bytes.
 *
 * A cursor is kept in sb->cursor while rows are pushed: if Lua raises (memory), the run's end closes it. A failed
 * statement dooms the command: the error can be caught, but not be survived, because other engines than SQLite abort
 * the transaction. */

enum { PARAMS_MAX = 100, COLUMNS_MAX = 100 };

/* A Lua value as parameter. [-0, +0, e] */
static void take_param(lua_State *L, int index, struct value *out)
{
    struct slice s;
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            *out = value_int(lua_tointeger(L, index));
        else
            *out = (struct value){.type = VALUE_DOUBLE, .d = lua_tonumber(L, index)};
        return;
    case LUA_TSTRING:
        s.data = lua_tolstring(L, index, &s.len);
        *out = value_text(s);
        return;
    case LUA_TBOOLEAN:
        *out = value_int(lua_toboolean(L, index));
        return;
    default:
        if (!copy_is_null(L, index))
            luaL_error(L, "parameter %d: a %s can't be stored", index - 2, luaL_typename(L, index));
        *out = value_null();
    }
}

/* Doom the command and raise. [-0, +0, e] */
static int refuse(lua_State *L, struct err *err)
{
    struct sandbox *sb = sandbox_of(L);
    luaL_where(L, 1);
    fault_of_sql(err, sb->options.plugin, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (sb->doom && sb->doom->code == 0)
        *sb->doom = *err;
    return binding_refuse(L, err);
}

/* What every method begins with: (self, sql, …). The number of parameters. Texts that are not UTF-8 are blobs; CAST(?
 * AS BLOB) stores any text as one. [-0, +0, e] */
static int take_params(lua_State *L, struct slice *sql, struct value *params)
{
    luaL_argexpected(L, lua_isuserdata(L, 1), 1, "call.db (write call.db:method)");
    sql->data = luaL_checklstring(L, 2, &sql->len);
    int n = lua_gettop(L) - 2;
    if (n > PARAMS_MAX)
        luaL_error(L, "a statement has at most %d parameters", PARAMS_MAX);
    for (int i = 0; i < n; i++)
        take_param(L, i + 3, &params[i]);
    struct err err = {0};
    if (store_check_sizes(params, n, &err) != 0)
        refuse(L, &err);
    for (int i = 0; i < n; i++)
        if (params[i].type == VALUE_TEXT && !utf8_valid(params[i].s))
            params[i].type = VALUE_BLOB;
    return n;
}

/* db:run(sql, …) → rows changed [-n, +1, e] */
static int db_run(lua_State *L)
{
    struct call *call = binding_call(L);
    struct value params[PARAMS_MAX];
    struct slice sql;
    struct err err = {0};
    int n = take_params(L, &sql, params);
    int64_t changes = 0;
    if (store_exec(call->store, call->plugin, sql, params, n, &changes, &err) != 0)
        return refuse(L, &err);
    lua_pushinteger(L, changes);
    return 1;
}

static void close_cursor(struct sandbox *sb)
{
    cursor_close(sb->cursor);
    sb->cursor = NULL;
}

/* Close first: the cursor must not outlive the jump. */
static int refuse_rows(lua_State *L, struct err *err)
{
    close_cursor(sandbox_of(L));
    return refuse(L, err);
}

/* Start the query of (self, sql, …); the parameters stay on the stack while it is open. [-0, +0, e] */
static struct cursor *query(lua_State *L, struct err *err)
{
    struct sandbox *sb = sandbox_of(L);
    struct call *call = binding_call(L);
    struct value params[PARAMS_MAX];
    struct slice sql;
    int n = take_params(L, &sql, params);
    if (sb->cursor)
        close_cursor(sb);
    struct cursor *c = NULL;
    if (store_query(call->store, call->plugin, sql, params, n, &c, err) != 0)
        refuse(L, err);
    sb->cursor = c;
    if (cursor_columns(c) > COLUMNS_MAX) {
        close_cursor(sb);
        luaL_error(L, "a query has at most %d columns", COLUMNS_MAX);
    }
    return c;
}

/* Push the current row as a table; column names are at stack index `names` and following. [-0, +1, m] */
static void push_row(lua_State *L, struct cursor *c, int columns, int names)
{
    lua_createtable(L, 0, columns);
    for (int i = 0; i < columns; i++) {
        struct value v;
        cursor_value(c, i, &v);
        if (v.type == VALUE_NULL)
            continue;
        lua_pushvalue(L, names + i);
        copy_push(L, &v);
        lua_rawset(L, -3);
    }
}

/* Names once per query: a row then costs no hashing of them. [-0, +columns, m] */
static int push_names(lua_State *L, struct cursor *c)
{
    int columns = cursor_columns(c);
    luaL_checkstack(L, columns + 8, "columns");
    for (int i = 0; i < columns; i++)
        lua_pushstring(L, cursor_name(c, i));
    return columns;
}

/* db:row(sql, …) → { column = value } | nil [-n, +1, e] */
static int db_row(lua_State *L)
{
    struct err err = {0};
    struct cursor *c = query(L, &err);
    int rv = cursor_step(c, &err);
    if (rv < 0)
        return refuse_rows(L, &err);
    if (rv == 0) {
        lua_pushnil(L);
    } else {
        int names = lua_gettop(L) + 1;
        push_row(L, c, push_names(L, c), names);
    }
    close_cursor(sandbox_of(L));
    return 1;
}

/* db:rows(sql, …) → array of rows [-n, +1, e] */
static int db_rows(lua_State *L)
{
    struct err err = {0};
    struct cursor *c = query(L, &err);
    int names = lua_gettop(L) + 1;
    int columns = push_names(L, c), rv;
    lua_newtable(L);
    for (lua_Integer i = 1; (rv = cursor_step(c, &err)) > 0; i++) {
        push_row(L, c, columns, names);
        lua_rawseti(L, -2, i);
        sandbox_poll(L);
    }
    if (rv < 0)
        return refuse_rows(L, &err);
    close_cursor(sandbox_of(L));
    return 1;
}

/* db:value(sql, …) → first column of the first row | nil [-n, +1, e] */
static int db_value(lua_State *L)
{
    struct err err = {0};
    struct cursor *c = query(L, &err);
    int rv = cursor_step(c, &err);
    if (rv < 0)
        return refuse_rows(L, &err);
    struct value v = value_null();
    if (rv > 0 && cursor_columns(c) > 0)
        cursor_value(c, 0, &v);
    copy_push(L, &v);
    close_cursor(sandbox_of(L));
    return 1;
}

/* [-3, +0, e] */
static int db_newindex(lua_State *L)
{
    return luaL_error(L, "call.db can't be changed");
}

void binding_push_db(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"run", db_run}, {"row", db_row}, {"rows", db_rows}, {"value", db_value}, {NULL, NULL},
    };
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 3);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, db_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
