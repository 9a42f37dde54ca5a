#include "claims.h"

/* The base functions of our own: what the manual says of them holds, and what is different on purpose. */

static const struct claim metatables[] = {
    {"set_and_get",
     "local m = {} local t = setmetatable({}, m) return getmetatable(t) == m and getmetatable({}) == nil and getmetatable(m) == nil"},
    {"of_other_values", "return getmetatable('') == false and getmetatable(1) == nil and getmetatable(print) == nil"},
    {"taken_away",
     "local t = setmetatable({}, { __index = { a = 1 } }) setmetatable(t, nil) return t.a == nil and getmetatable(t) == nil"},
    {"protected",
     "local t = setmetatable({}, { __metatable = 'mine' }) return getmetatable(t) == 'mine' and raises('protected', setmetatable, t, {})"},
    {"wrong", "return raises('table expected', setmetatable, 1, {}) and raises('table expected', setmetatable, {}, 1)"},
    {"a_class_grows_after_its_first_object",
     "local C = {} C.__index = C local o = setmetatable({}, C) function C.hello() return 'hi' end C.__tostring = function() return 'o' end"
     " return o.hello() == 'hi' and tostring(o) == 'o' and rawget(C, 'hello') ~= nil"},
    {"inheritance",
     "local A = {} A.__index = A function A.a() return 'a' end"
     " local B = setmetatable({}, { __index = A, __call = function(c) return setmetatable({}, c) end }) B.__index = B"
     " local o = B() function B.b() return 'b' end return o.a() == 'a' and o.b() == 'b' and B().a() == 'a' and getmetatable(B).__index == A"},
    {"inheritance_set_later",
     "local A, B = { a = 1 }, {} B.__index = B local o = setmetatable({}, B) setmetatable(B, { __index = A })"
     " return o.a == 1 and getmetatable(o) == B and getmetatable(B).__index == A"},
    {"its_own_metatable",
     "local t = {} t.__index = function(_, k) return k .. '!' end setmetatable(t, t) t.x = 1 return t.y == 'y!' and t.x == 1 and getmetatable(t) == t"},
    {"newindex_of_a_metatable_still_works",
     "local log, M = {}, {} setmetatable(M, { __newindex = function(t, k, v) log[#log + 1] = k rawset(t, k, v) end }) setmetatable({}, M)"
     " M.one = 1 M.one = 2 return same(log, { 'one' }) and M.one == 2"},
    {"newindex_that_is_a_table",
     "local other, M = {}, {} setmetatable(M, { __newindex = other }) setmetatable({}, M) M.x = 1 return other.x == 1 and rawget(M, 'x') == nil"},
    {"no_concat",
     "local m = {} setmetatable({}, m) return raises('__concat', setmetatable, {}, { __concat = print })"
     " and raises('__concat', function() m.__concat = print end) and raises('__concat', rawset, m, '__concat', print)"},
    {"no_gc_and_no_mode",
     "return raises('__gc', setmetatable, {}, { __gc = print }) and raises('__mode', setmetatable, {}, { __mode = 'k' })"},
    {"not_later_either",
     "local m = {} setmetatable({}, m) return raises('__mode', function() m.__mode = 'k' end) and raises('__gc', function() m.__gc = print end)"
     " and raises('__mode', rawset, m, '__mode', 'v') and rawget(m, '__mode') == nil"},
    {"not_by_a_metatable_of_its_own",
     "local m, mm = {}, {} setmetatable(m, mm) setmetatable({}, m) mm.__newindex = nil"
     " return raises('__mode', function() m.__mode = 'k' end) and raises('__mode', function() setmetatable(m, nil) m.__mode = 'k' end)"
     " and raises('__mode', function() setmetatable(m, { __newindex = rawset }) m.__mode = 'k' end) and rawget(m, '__mode') == nil"},
    {"not_by_the_metatable_of_the_metatable",
     "local m, mm = {}, {} setmetatable(m, mm) setmetatable({}, m) return raises('__mode', function() mm.__mode = 'k' end)"},
    {"other_tables_may_have_the_key",
     "local t = {} t.__mode = 'a word' return t.__mode == 'a word' and rawset(t, '__gc', 1) == t"},
    {"rawset",
     "local t = setmetatable({}, { __newindex = error }) rawset(t, 'a', 1) return t.a == 1 and raises('table expected', rawset, 1, 2, 3)"},
};

static const struct claim texts[] = {
    {"tostring",
     "return tostring(setmetatable({}, { __tostring = function() return 7 end })) == '7' and tostring(1.0) == '1.0'"},
    {"name", "return tostring(setmetatable({}, { __name = 'area' })) == 'area' and tostring({}) == 'table'"},
    {"name_that_is_no_text", "return tostring(setmetatable({}, { __name = {} })) == 'table'"},
    {"no_text",
     "return raises('must return a string', tostring, setmetatable({}, { __tostring = function() return {} end }))"},
    {"utf8_char",
     "return utf8.char() == '' and utf8.char(72, 0x4e2d, 0x7fffffff) == 'H\\u{4e2d}\\xfd\\xbf\\xbf\\xbf\\xbf\\xbf' and raises('out of range', utf8.char, -1)"},
};

static const struct claim loading[] = {
    {"text", "return load('return 1 + ...')(2) == 3"},
    {"message", "local f, e = load('x = = 1', 'area') return f == nil and e:find('^area:1:') ~= nil"},
    {"marked_names",
     "local _, e = load('=', '@a.lua') local _, g = load('=', '=b') return e:find('^a.lua:1:') and g:find('^b:1:') and true"},
    {"mode",
     "local f, e = load('return 1', 'x', 'b') return f == nil and e:find('attempt to load a text chunk') ~= nil and load('return 1', 'x', 'bt')() == 1"},
    {"environment",
     "local env = { a = 20 } return load('b = a + 1 return b', 'x', 't', env)() == 21 and env.b == 21 and load('return a', 'x', 't', env)() == 20"},
    {"nothing_else_in_it", "return raises('nil value', load('return print(1)', 'x', 't', {}))"},
    {"chains", "local f, e = load('return a' .. ('.x'):rep(201)) return f == nil and e:find('200 links') ~= nil"},
    {"choices",
     "local f, e = load('return a' .. (' or a'):rep(1001)) return f == nil and e:find('1000 `and` and `or`') ~= nil"},
};

static void no_metatable_has_a_finalizer_or_weak_keys(void **state)
{
    (void)state;
    check_claims(metatables, sizeof(metatables) / sizeof(metatables[0]));
}

static void values_become_texts(void **state)
{
    (void)state;
    check_claims(texts, sizeof(texts) / sizeof(texts[0]));
}

static void texts_become_functions(void **state)
{
    (void)state;
    check_claims(loading, sizeof(loading) / sizeof(loading[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_metatable_has_a_finalizer_or_weak_keys),
        cmocka_unit_test(values_become_texts),
        cmocka_unit_test(texts_become_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
