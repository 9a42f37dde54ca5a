#include "script/library.h"

#include <limits.h>

/* table.sort as a merge sort of indices: the list is read through lua_geti, compared at most n·log2(n) times whatever
 * the order function answers, and written once at the end. So there is no pivot to choose, a wrong order function can't
 * lead it astray, equal elements keep their order, and the same list is sorted the same way every time.
 *
 * An order function that says a < b and b < a at once (`<=` instead of `<`, most of the time) is found by comparing the
 * neighbours of the result once more: with an asymmetric one, a merge never leaves a smaller element behind its
 * neighbour. */

struct sort {
    lua_State *L;
    bool ordered;          /* by the function at index 2 */
    uint32_t *from, *into; /* indices from 0 */
    size_t count;
};

/* Is element a less than element b? [-0, +0, e] */
static bool less(const struct sort *s, uint32_t a, uint32_t b)
{
    lua_State *L = s->L;
    bool answer;
    sandbox_poll(L);
    if (s->ordered)
        lua_pushvalue(L, 2);
    lua_geti(L, 1, (lua_Integer)a + 1);
    lua_geti(L, 1, (lua_Integer)b + 1);
    if (s->ordered) {
        lua_call(L, 2, 1);
        answer = lua_toboolean(L, -1);
        lua_pop(L, 1);
    } else {
        answer = lua_compare(L, -2, -1, LUA_OPLT);
        lua_pop(L, 2);
    }
    return answer;
}

/* Merge from[low..mid) and from[mid..high). */
static void merge(const struct sort *s, size_t low, size_t mid, size_t high)
{
    size_t a = low, b = mid, out = low;
    bool mixed = mid < high && less(s, s->from[mid], s->from[mid - 1]); /* else they are in order already */
    while (mixed && a < mid && b < high)
        s->into[out++] = less(s, s->from[b], s->from[a]) ? s->from[b++] : s->from[a++];
    while (a < mid)
        s->into[out++] = s->from[a++];
    while (b < high)
        s->into[out++] = s->from[b++];
}

static void sort_indices(struct sort *s)
{
    for (size_t width = 1; width < s->count; width *= 2) {
        for (size_t low = 0; low < s->count; low += 2 * width) {
            size_t mid = low + width < s->count ? low + width : s->count;
            size_t high = low + 2 * width < s->count ? low + 2 * width : s->count;
            merge(s, low, mid, high);
        }
        uint32_t *sorted = s->into;
        s->into = s->from;
        s->from = sorted;
    }
}

static void check_order(const struct sort *s)
{
    for (size_t i = 1; i < s->count; i++)
        if (less(s, s->from[i], s->from[i - 1]))
            luaL_error(s->L, "invalid order function for sorting");
}

/* Bring the elements into the order of from[], one cycle of the permutation after the other; `into` marks what is done.
 * [-0, +0, e] */
static void permute(struct sort *s)
{
    enum { DONE = 1 };
    lua_State *L = s->L;
    for (size_t i = 0; i < s->count; i++)
        s->into[i] = 0;
    for (uint32_t start = 0; start < s->count; start++) {
        if (s->into[start] == DONE || s->from[start] == start)
            continue;
        lua_geti(L, 1, (lua_Integer)start + 1);
        uint32_t to = start;
        while (s->from[to] != start) {
            sandbox_poll(L);
            lua_geti(L, 1, (lua_Integer)s->from[to] + 1);
            lua_seti(L, 1, (lua_Integer)to + 1);
            s->into[to] = DONE;
            to = s->from[to];
        }
        s->into[to] = DONE;
        lua_seti(L, 1, (lua_Integer)to + 1);
    }
}

int sort_list(lua_State *L)
{
    lua_Integer n = tables_length(L, 1);
    if (n < 2)
        return 0;
    luaL_argcheck(L, n < INT_MAX, 1, "array too big");
    bool ordered = !lua_isnoneornil(L, 2);
    if (ordered)
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    struct sort s = {.L = L, .ordered = ordered, .count = (size_t)n};
    s.from = lua_newuserdatauv(L, 2 * s.count * sizeof(uint32_t), 0);
    s.into = s.from + s.count;
    for (uint32_t i = 0; i < s.count; i++)
        s.from[i] = i;
    sort_indices(&s);
    if (ordered)
        check_order(&s);
    permute(&s);
    return 0;
}
