#include "claims.h"

/* The library `string`. That it agrees with the interpreter's is the business of the fuzzer (lua_strings); here is what
 * the manual says about the less usual, and what is different on purpose. */

static const struct claim matching[] = {
    {"find_captures", "return same({ ('key = 7'):find('(%w+)%s*=%s*(%d+)') }, { 1, 7, 'key', '7' })"},
    {"find_position", "return same({ ('hello'):find('()ll()') }, { 3, 4, 3, 5 })"},
    {"find_plain", "return same({ ('a.b'):find('.', 1, true) }, { 2, 2 })"},
    {"find_empty", "return same({ ('abc'):find('', 4) }, { 4, 3 }) and ('abc'):find('', 5) == nil"},
    {"find_negative_start", "return ('abcabc'):find('a', -3) == 4 and ('abc'):find('a', -100) == 1"},
    {"find_nul", "return ('a\\0b'):find('\\0') == 2 and ('a\\0b'):match('[\\0-\\1]') == '\\0'"},
    {"anchor",
     "return ('aab'):find('^a*') == 1 and ('baa'):find('^a') == nil and ('a^'):find('a^') == 1 and ('a$b'):find('a$b') == 1"},
    {"lazy_and_greedy", "return ('<a><b>'):match('<(.-)>') == 'a' and ('<a><b>'):match('<(.*)>') == 'a><b'"},
    {"maybe", "return ('color colour'):gsub('colou?r', 'x') == 'x x'"},
    {"sets",
     "return ('x-]^y'):gsub('[]^-]', '.') == 'x...y' and ('abc'):match('[^a]+') == 'bc' and ('5'):match('[%a%d]') == '5'"},
    {"balance", "return ('f(a(b)c)d)'):match('%b()') == '(a(b)c)'"},
    {"frontier", "return ('THE (quick) fox'):gsub('%f[%a]%a+', 'w') == 'w (w) w'"},
    {"back_reference", "return ([[say \"it's\" 'x']]):match([[([\"'])(.-)%1]]) == '\"'"},
    {"backtracking_restores_captures", "return same({ ('aaab'):match('(a*)(ab)') }, { 'aa', 'ab' })"},
    {"nested_captures", "return same({ ('abc'):match('((a)(b(c)))') }, { 'abc', 'a', 'bc', 'c' })"},
    {"gmatch_captures",
     "local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end return same(t, { 'a1', 'b2' })"},
    {"gmatch_empty", "local n = 0 for _ in ('abc'):gmatch('') do n = n + 1 end return n == 4"},
    {"gmatch_across_coroutines",
     "local f = ('a b c'):gmatch('%a') local x = f() local y = coroutine.wrap(function() return f() end)() return same({ x, y, f() }, { 'a', 'b', 'c' })"},
    {"gsub_kinds",
     "return ('abc'):gsub('%w', '%0%0') == 'aabbcc' and ('abc'):gsub('%w', { a = 1, b = false }) == '1bc' and ('abc'):gsub('(b)', function(c) return c:upper() end) == 'aBc'"},
    {"gsub_count",
     "return same({ ('aaaa'):gsub('a', 'b', 2) }, { 'bbaa', 2 }) and select(2, ('abc'):gsub('', '-')) == 4"},
    {"gsub_anchor", "return ('aaa'):gsub('^a', 'b') == 'baa'"},
    {"gsub_nested", "return ('ab'):gsub('%w', function(c) return (c:gsub('.', '%0%0')) end) == 'aabb'"},
    {"long_pattern", "local p = ('a?'):rep(100) .. ('a'):rep(100) return ('a'):rep(200):match(p) == ('a'):rep(200)"},
    {"wrong_patterns",
     "return raises(\"missing ']'\", string.find, 'a', '[a') and raises(\"ends with '%'\", string.find, 'a', '%') and raises('unfinished capture', string.find, 'a', '(a')"
     " and raises('invalid pattern capture', string.find, 'a', '.)') and raises('invalid capture index', string.find, 'a', '%1')"},
    {"wrong_replacements",
     "return raises('invalid replacement value (a table)', string.gsub, 'a', 'a', function() return {} end) and raises(\"invalid use of '%'\", string.gsub, 'a', 'a', '%x')"
     " and raises('invalid capture index', string.gsub, 'a', 'a', '%2')"},
    {"pattern_limit",
     "return raises('longer than 4096', string.find, 'a', ('a'):rep(4096) .. '.') and ('a'):rep(4096):find(('a'):rep(4095) .. '.') == 1"},
    {"captures_limit",
     "return raises('too many captures', string.find, 'a', ('()'):rep(33)) and select('#', ('a'):find(('()'):rep(32))) == 34"},
};

static const struct claim formatting[] = {
    {"numbers",
     "return string.format('%5d|%-5d|%05d|%+d|%x|%X|%o|%c', 42, 42, 42, 42, 255, 255, 8, 65) == '   42|42   |00042|+42|ff|FF|10|A'"},
    {"floats", "return string.format('%.2f %g %e', 1.005, 0.1, 12345.678) == '1.00 0.1 1.234568e+04'"},
    {"largest", "return #string.format('%99.99f', -1.7976931348623157e308) == 410"},
    {"texts", "return string.format('%s|%5s|%-5s|%.2s', 'abc', 'abc', 'abc', 'abc') == 'abc|  abc|abc  |ab'"},
    {"calls_tostring",
     "return string.format('%s %s', setmetatable({}, { __tostring = function() return 'me' end }), nil) == 'me nil'"},
    {"quoted_reads_back",
     "for _, v in ipairs { 'a\"b\\\\c\\nd\\0e\\r1', 0.1, -1 / 0, math.mininteger, 7, true } do"
     " local back = load('return ' .. string.format('%q', v))() if back ~= v or math.type(back) ~= math.type(v) then return tostring(v) end end return true"},
    {"no_addresses",
     "local s = string.format('%s %s %s', {}, print, coroutine.create(print)) .. tostring({}) return s:find('0x') == nil and s:find('%d') == nil"},
    {"no_p", "return raises('invalid conversion', string.format, '%p', {})"},
    {"wrong",
     "return raises('invalid conversion', string.format, '%y', 1) and raises('invalid conversion', string.format, '%', 1) and raises('no value', string.format, '%d')"
     " and raises('number has no integer representation', string.format, '%d', 1.5) and raises('invalid', string.format, '%100d', 1) and raises('cannot have modifiers', string.format, '%5q', 1)"},
};

static const struct claim bounds[] = {
    {"rep",
     "return ('ab'):rep(3, '-') == 'ab-ab-ab' and ('x'):rep(0) == '' and ('x'):rep(-1) == '' and (''):rep(10) == ''"},
    {"rep_to_the_limit",
     "return #('x'):rep(16 << 20) == 16 << 20 and raises('too large', string.rep, 'x', (16 << 20) + 1)"},
    {"rep_never_wraps",
     "return raises('too large', string.rep, 'x', math.maxinteger) and raises('too large', string.rep, 'xx', math.maxinteger // 2 + 1, 'yy')"},
    {"gsub_result", "return raises('too large', string.gsub, ('x'):rep(1 << 20), '.', ('y'):rep(100))"},
    {"format_result", "local s = ('x'):rep(9 << 20) return raises('too large', string.format, '%s%s', s, s)"},
    {"concat_result", "local s = ('x'):rep(9 << 20) return raises('too large', table.concat, { s, s })"},
    {"from_the_interpreter",
     "return string.pack('<i4', 1) == '\\1\\0\\0\\0' and string.unpack('<i4', '\\1\\0\\0\\0') == 1 and ('abc'):byte(-1) == 99 and ('aB'):upper() == 'AB' and ('10' + 1) == 11"},
    {"closed", "return string.dump == nil and getmetatable('') == false and ('x').rep == string.rep"},
};

static void patterns_match_as_the_manual_says(void **state)
{
    (void)state;
    check_claims(matching, sizeof(matching) / sizeof(matching[0]));
}

static void formats_show_no_address(void **state)
{
    (void)state;
    check_claims(formatting, sizeof(formatting) / sizeof(formatting[0]));
}

static void texts_are_bounded(void **state)
{
    (void)state;
    check_claims(bounds, sizeof(bounds) / sizeof(bounds[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_the_manual_says),
        cmocka_unit_test(formats_show_no_address),
        cmocka_unit_test(texts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
