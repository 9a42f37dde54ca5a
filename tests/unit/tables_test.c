#include "claims.h"

/* The library `table`: what the fuzzer does not compare with the interpreter's. */

#define PROXY                                                                                                          \
    "local function proxy(t) return setmetatable({}, { __index = t, __newindex = t, __len = function() return #t end }) end "

static const struct claim lists[] = {
    {"insert", "local t = { 1, 2 } table.insert(t, 3) table.insert(t, 1, 0) return same(t, { 0, 1, 2, 3 })"},
    {"insert_bounds",
     "return raises('position out of bounds', table.insert, {}, 2, 'x') and raises('wrong number of arguments', table.insert, {}, 1, 2, 3) and raises('wrong number', table.insert, {})"},
    {"remove",
     "local t = { 1, 2, 3 } return table.remove(t, 1) == 1 and table.remove(t) == 3 and same(t, { 2 }) and table.remove({}) == nil and table.remove({}, 0) == nil"},
    {"remove_bounds", "return raises('position out of bounds', table.remove, { 1 }, 3)"},
    {"move_overlapping",
     "local t = { 1, 2, 3 } table.move(t, 1, 3, 2) return same(t, { 1, 1, 2, 3 }) and same(table.move({ 1, 2, 3 }, 2, 3, 1), { 2, 3, 3 })"},
    {"move_wraps",
     "return raises('too many elements', table.move, {}, math.mininteger, 1, 1) and raises('wrap around', table.move, {}, 1, 2, math.maxinteger)"},
    {"concat_to_the_last_index",
     "local t = setmetatable({}, { __index = function() return 'x' end }) return table.concat(t, ',', math.maxinteger - 1, math.maxinteger) == 'x,x'"},
    {"concat_wrong", "return raises('invalid value (at index 2)', table.concat, { 'a', {} })"},
    {"unpack_to_the_last_index", "return select('#', table.unpack({}, math.maxinteger - 1, math.maxinteger)) == 2"},
    {"metamethods", PROXY "local t = {} local p = proxy(t) table.insert(p, 'a') table.insert(p, 1, 'b') table.sort(p)"
                          " return rawlen(p) == 0 and table.concat(p) == 'ab' and same(t, { 'a', 'b' })"},
    {"not_a_list",
     "return raises('table expected', table.insert, 'x', 1) and raises('table expected', table.concat, 5)"},
};

static const struct claim sorting[] = {
    {"numbers", "local t = { 3, 1, 2 } table.sort(t) return same(t, { 1, 2, 3 })"},
    {"by_a_function",
     "local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return same(t, { 3, 2, 1 })"},
    {"many",
     "local t = {} for i = 1, 5000 do t[i] = i * 7919 % 5003 end table.sort(t) for i = 2, #t do if t[i] < t[i - 1] then return i end end return true"},
    {"equal_ones_keep_their_order",
     "local t = {} for i = 1, 500 do t[i] = { key = i % 7, i = i } end table.sort(t, function(a, b) return a.key < b.key end)"
     " for i = 2, #t do if t[i].key < t[i - 1].key or (t[i].key == t[i - 1].key and t[i].i < t[i - 1].i) then return i end end return true"},
    {"nothing_lost",
     "local t, seen = {}, {} for i = 1, 300 do t[i] = i * 31 % 307 end table.sort(t) for _, v in ipairs(t) do seen[v] = true end"
     " for i = 1, 300 do if not seen[i * 31 % 307] then return i end end return true"},
    {"wrong_order_functions",
     "local t = { 5, 5, 1, 5 } return raises('invalid order function', table.sort, t, function(a, b) return a <= b end)"
     " and raises('invalid order function', table.sort, { 1, 2, 3 }, function() return true end)"},
    {"partial_orders_are_fine",
     "local t = { 6, 4, 3, 12, 2 } table.sort(t, function(a, b) return a ~= b and b % a == 0 end) return #t == 5"},
    {"an_error_leaves_the_list", "local t = { 3, 2, 1 } pcall(table.sort, t, error) return same(t, { 3, 2, 1 })"},
    {"what_cannot_be_compared", "return raises('attempt to compare', table.sort, { 1, 'x' })"},
    {"few", "local t = {} table.sort(t) t[1] = 'x' table.sort(t, error) return same(t, { 'x' })"},
    {"compares_seldom",
     "local t, n = {}, 0 for i = 1, 1024 do t[i] = i * 389 % 1024 end table.sort(t, function(a, b) n = n + 1 return a < b end) return n <= 1024 * 12"},
    {"sorted_already",
     "local t, n = {}, 0 for i = 1, 1024 do t[i] = i end table.sort(t, function(a, b) n = n + 1 return a < b end) return n <= 2 * 1024"},
};

static void lists_change_as_the_manual_says(void **state)
{
    (void)state;
    check_claims(lists, sizeof(lists) / sizeof(lists[0]));
}

static void sorting_is_stable_and_finds_wrong_orders(void **state)
{
    (void)state;
    check_claims(sorting, sizeof(sorting) / sizeof(sorting[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_change_as_the_manual_says),
        cmocka_unit_test(sorting_is_stable_and_finds_wrong_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
