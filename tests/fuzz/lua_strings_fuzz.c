/* Our `string` and `table` libraries against the interpreter's own: the same Lua code runs in both, and what it returns,
 * or that it raises, must be the same. Inputs are small enough for the interpreter's matcher to finish.
 *
 * Not compared: %p, which we refuse; %z, which the manual no longer knows; messages; order functions that are none. */
#include "script/sandbox.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 3, FIELD_BYTES = 22, REPEATS = 6 };

static const char code[] =
    "local function show(ok, ...)\n"
    " if not ok then return 'raised' end\n"
    " local out = {}\n"
    " for i = 1, select('#', ...) do local v = select(i, ...) out[#out + 1] = (math.type(v) or type(v)) .. ':' .. tostring(v) end\n"
    " return table.concat(out, '|')\n"
    "end\n"
    "local function bytes(s) local t = {} for i = 1, #s do t[i] = s:byte(i) end return t end\n"
    "local function proxy(t) return setmetatable({}, { __index = t, __newindex = t, __len = function() return #t end }) end\n"
    "local function listed(t, n) local out = {} for i = 0, n do out[#out + 1] = tostring(rawget(t, i)) end return table.unpack(out) end\n"
    "local ops = {\n"
    " function(s, p, _, i) return s:find(p, i) end,\n"
    " function(s, p, _, i) return s:find(p, i, true) end,\n"
    " function(s, p, _, i) return s:match(p, i) end,\n"
    " function(s, p, _, i) local out = {} for a, b, c in s:gmatch(p, i) do out[#out + 1] = tostring(a) .. ',' .. tostring(b) .. ',' .. tostring(c) end return #out, table.concat(out, ';') end,\n"
    " function(s, p, r, i) return s:gsub(p, r, i >= 0 and i or nil) end,\n"
    " function(s, p, r, i) local calls = 0 return s:gsub(p, function(a, b) calls = calls + 1 if calls % 3 == 0 then return nil end return tostring(a) .. '/' .. tostring(b) .. r end, i >= 0 and i or nil) end,\n"
    " function(s, p, r) return s:gsub(p, { a = 'x', b = 1, c = false, [1] = 'one', ['ab'] = r }) end,\n"
    " function(s, p, _, i) return s:rep(i, p) end,\n"
    " function(s, p, r, i) return string.format(s, p, i, r, 3.25, -i, 1e300, math.mininteger, 65) end,\n"
    " function(s, p, r, i) return string.format(s, i, 2.0, -1, '7', 0) end,\n"
    " function(s, p, r, i) return string.format(s, i / 7, 1 / 0, 'x', nil, true) end,\n"
    " function(s, p, _, i) local t = bytes(s) table.insert(t, i, p) return listed(t, 30) end,\n"
    " function(s, p) local t = bytes(s) table.insert(t, p) return listed(t, 30) end,\n"
    " function(s, _, _, i) local t = bytes(s) local v = table.remove(t, i) return v, listed(t, 30) end,\n"
    " function(s) local t = bytes(s) local v = table.remove(t) return v, listed(t, 30) end,\n"
    " function(s, p, r, i) local t = bytes(s) return table.concat(t, p, i, #r) end,\n"
    " function(s, p) return table.concat(bytes(s), p) end,\n"
    " function(s, p, r, i) local t = bytes(s) table.move(t, i, #p, #r) return listed(t, 50) end,\n"
    " function(s, p, r, i) local t, u = bytes(s), bytes(r) table.move(t, i, #p, i + 1, u) return listed(u, 50) end,\n"
    " function(s, p, r, i) return table.unpack(bytes(s), i, #p) end,\n"
    " function(s) local t = bytes(s) table.sort(t) return listed(t, 30) end,\n"
    " function(s) local t = bytes(s) table.sort(t, function(a, b) return a > b end) return listed(t, 30) end,\n"
    " function(s, p) local t = bytes(s) t[#t + 1] = p table.sort(t) return listed(t, 30) end,\n"
    " function(s, p) local t = {} for w in s:gmatch('[^' .. p .. ']+') do t[#t + 1] = w end table.sort(t) return listed(t, 30) end,\n"
    " function(s, p, _, i) local t = bytes(s) local q = proxy(t) table.insert(q, i, p) table.insert(q, p) local v = table.remove(q, 1) return v, listed(t, 30) end,\n"
    " function(s, p, _, i) local t = bytes(s) local q = proxy(t) table.sort(q) table.move(q, 1, 3, i) return table.concat(q, p), table.unpack(q) end,\n"
    " function(s, p, r, i) return table.pack(p, nil, r, i, nil).n, table.concat({ table.unpack(bytes(s)) }, r) end,\n"
    " function(s, p, r, i) return s < p, s .. r, #s, s:rep(3, p):sub(i), s:upper():byte(1, -1) end,\n"
    "}\n"
    "return function(op, s, p, r, i) return show(pcall(ops[op % #ops + 1], s, p, r, i)) end\n";

struct fields {
    int op, number;
    struct slice texts[FIELDS];
};

/* A byte for the function, one for a number, and texts between line feeds. */
static struct fields split(const uint8_t *data, size_t size)
{
    struct fields f = {.op = size > 0 ? data[0] : 0, .number = size > 1 ? (int8_t)data[1] % 24 : 0};
    const char *at = (const char *)data + (size > 2 ? 2 : size), *end = (const char *)data + size;
    for (int i = 0; i < FIELDS; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        f.texts[i] = (struct slice){at, len < FIELD_BYTES ? len : FIELD_BYTES};
        at = stop ? stop + 1 : end;
    }
    return f;
}

static bool comparable(const struct fields *f)
{
    int repeats = 0;
    for (int i = 0; i < FIELDS; i++)
        for (size_t k = 0; k < f->texts[i].len; k++) {
            char c = f->texts[i].data[k], before = k ? f->texts[i].data[k - 1] : '\0';
            repeats += strchr("*+-?", c) != NULL && c;
            if (c == 'p' || (before == '%' && (c == 'z' || c == 'Z')))
                return false;
        }
    return repeats <= REPEATS;
}

static lua_State *make_ours(void)
{
    static const struct sandbox_options options = {.plugin = "fuzz", .soft_bytes = 64 << 20};
    lua_State *L = sandbox_new(&options)->L;
    sandbox_compile(L, slice_of(code), "=ours");
    lua_call(L, 0, 1);
    return L;
}

static lua_State *make_stock(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_loadbufferx(L, code, sizeof(code) - 1, "=stock", "t") != LUA_OK)
        abort();
    lua_call(L, 0, 1);
    return L;
}

/* The results as one text, on top of the stack. */
static struct slice run(lua_State *L, const struct fields *f)
{
    struct slice out;
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, f->op);
    for (int i = 0; i < FIELDS; i++)
        lua_pushlstring(L, f->texts[i].data, f->texts[i].len);
    lua_pushinteger(L, f->number);
    lua_call(L, 5, 1);
    out.data = lua_tolstring(L, -1, &out.len);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lua_State *ours, *stock;
    if (!ours) {
        ours = make_ours();
        stock = make_stock();
    }
    struct fields f = split(data, size);
    if (!comparable(&f))
        return 0;
    struct slice a = run(ours, &f), b = run(stock, &f);
    if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0) {
        fprintf(stderr, "function %d, number %d, \"%.*s\" \"%.*s\" \"%.*s\"\nours:  %s\nstock: %s\n", f.op, f.number,
                (int)f.texts[0].len, f.texts[0].data, (int)f.texts[1].len, f.texts[1].data, (int)f.texts[2].len,
                f.texts[2].data, a.data, b.data);
        abort();
    }
    return 0;
}
