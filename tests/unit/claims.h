/* Lua that must come true in a sandbox of its own: a list of claims, each a chunk that returns true. */
#ifndef MUSTER_TESTS_CLAIMS_H
#define MUSTER_TESTS_CLAIMS_H

#include "script/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct claim {
    const char *name, *chunk;
};

static int run_claim(lua_State *L)
{
    const struct claim *c = lua_touserdata(L, 1);
    sandbox_compile(L, slice_of(c->chunk), "=claim");
    lua_call(L, 0, 1);
    if (!lua_isboolean(L, -1) || !lua_toboolean(L, -1))
        return luaL_error(L, "returned %s", sandbox_tostring(L, -1, NULL));
    return 0;
}

/* `raises(text, f, …)`: f raises something that contains the text. `same(a, b)`: two lists have the same elements. Both
 * return true or raise. */
static const char claims_help[] =
    "local function raises(text, f, ...) local ok, e = pcall(f, ...) if ok then error('nothing raised instead of ' .. text) end "
    "if not string.find(tostring(e), text, 1, true) then error(tostring(e)) end return true end "
    "local function same(a, b) if #a ~= #b then error('lengths ' .. #a .. ' and ' .. #b) end "
    "for i = 1, #a do if a[i] ~= b[i] then error('at ' .. i .. ': ' .. tostring(a[i])) end end return true end ";

static inline void check_claims(const struct claim *claims, size_t count)
{
    static const struct sandbox_options options = {.plugin = "demo"};
    int failed = 0;
    struct watch *w = watch_enter(NULL, 20000);
    assert_non_null(w);
    for (size_t i = 0; i < count; i++) {
        struct sandbox *sb = sandbox_new(&options);
        struct frame frame = {.plugin = "demo", .command = claims[i].name};
        struct err err = {0};
        char chunk[4000];
        snprintf(chunk, sizeof(chunk), "%s %s", claims_help, claims[i].chunk);
        struct claim whole = {claims[i].name, chunk};
        if (sandbox_run(sb, w, &frame, run_claim, &whole, &err) != 0) {
            print_error("%s: %s\n", claims[i].name, err.text);
            failed++;
        }
        sandbox_free(sb);
    }
    watch_leave(w);
    assert_int_equal(failed, 0);
}

#endif
