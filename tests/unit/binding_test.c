#include "script/copy.h"
#include "script/jsontext.h"
#include "script/sandbox.h"
#include "wire/render.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Values in and out of a state: JSON, replies, formats. */

static struct sandbox *sb;
static struct watch *watch;

static int open_sandbox(void **state)
{
    (void)state;
    struct sandbox_options options = {.plugin = "demo"};
    sb = sandbox_new(&options);
    watch = watch_enter(NULL, 1000);
    return watch ? 0 : -1;
}

static int close_sandbox(void **state)
{
    (void)state;
    sandbox_free(sb);
    watch_leave(watch);
    return 0;
}

static int protect(lua_CFunction body, void *arg, struct err *err)
{
    struct frame frame = {
        .deadline_ns = clock_mono_ns() + 20000000000u, .limit_ms = 20000, .plugin = "demo", .command = "demo.test"};
    return sandbox_run(sb, watch, &frame, body, arg, err);
}

struct trip {
    struct slice in;
    struct buf out;
};

static int json_trip(lua_State *L)
{
    struct trip *t = lua_touserdata(L, 1);
    copy_push_json(L, t->in);
    copy_json(L, -1, &t->out);
    return 0;
}

/* JSON through Lua and back is the same value in its one spelling. */
static void json_survives_the_trip(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"null", "null"},
        {"[null,true,false]", "[null,true,false]"},
        {"9007199254740993", "9007199254740993"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1.5", "1.5"},
        {"1.0", "1.0"},
        {"1e300", "1e+300"},
        {"0.1", "0.1"},
        {"\"\\u4e2d\\n\\\"\\\\\\u0001\"", "\"中\\n\\\"\\\\\\u0001\""},
        {"{\"b\":1,\"a\":{\"d\":[1,[2,[]]],\"c\":null}}", "{\"a\":{\"c\":null,\"d\":[1,[2,[]]]},\"b\":1}"},
        {"{}", "[]"}, /* an empty table is an empty sequence */
        {"[1,2,{\"10\":1,\"9\":2}]", "[1,2,{\"10\":1,\"9\":2}]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trip t = {.in = slice_of(rows[i][0])};
        struct err err = {0};
        if (protect(json_trip, &t, &err) != 0)
            fail_msg("%s: %s", rows[i][0], err.text);
        assert_string_equal(buf_cstr(&t.out), rows[i][1]);
        buf_close(&t.out);
    }
}

/* What is not JSON is refused, and frees its tree. */
static void wrong_json_is_refused(void **state)
{
    (void)state;
    char deep[200] = "";
    for (int i = 0; i < 40; i++)
        strcat(deep, "[");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]");
    const char *const rows[] = {
        "", "{", "[1,]", "nul", "{\"a\":1,\"a\":2}", "99999999999999999999", "\"\\u0000\"", "\"\xff\"", "[1] x", deep};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trip t = {.in = slice_of(rows[i])};
        struct err err = {0};
        assert_int_equal(protect(json_trip, &t, &err), ERR_INTERNAL);
        buf_close(&t.out);
    }
}

static int reply_trip(lua_State *L)
{
    struct trip *t = lua_touserdata(L, 1);
    struct reader r = {t->in};
    struct reply out;
    copy_push_reply(L, &r);
    reply_begin(&out, &t->out, 100000);
    copy_any(L, -1, &out);
    return reply_finish(&out) == 0 ? 0 : luaL_error(L, "not finished");
}

/* A canonical reply through Lua and back; an attribute in front is left out, a null in a map as well. */
static void replies_survive_the_trip(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {":5\r\n", ":5\r\n"},
        {"_\r\n", "_\r\n"},
        {"#t\r\n", "#t\r\n"},
        {",1.5\r\n", ",1.5\r\n"},
        {"$3\r\nabc\r\n", "$3\r\nabc\r\n"},
        {"+OK\r\n", "$2\r\nOK\r\n"},
        {"*3\r\n_\r\n:1\r\n*0\r\n", "*3\r\n_\r\n:1\r\n*0\r\n"},
        {"%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n_\r\n", "%1\r\n$1\r\nb\r\n:1\r\n"},
        {"|1\r\n$8\r\nreplayed\r\n#t\r\n:7\r\n", ":7\r\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trip t = {.in = slice_of(rows[i][0])};
        struct err err = {0};
        if (protect(reply_trip, &t, &err) != 0)
            fail_msg("%d: %s", (int)i, err.text);
        assert_string_equal(buf_cstr(&t.out), rows[i][1]);
        buf_close(&t.out);
    }
    struct trip cut = {.in = SLICE("*2\r\n:1\r\n")};
    struct err err = {0};
    assert_int_equal(protect(reply_trip, &cut, &err), ERR_INTERNAL);
    buf_close(&cut.out);
}

static int many_keys(lua_State *L)
{
    struct trip *t = lua_touserdata(L, 1);
    lua_newtable(L);
    for (int i = 2000; i >= 2; i--) {
        lua_pushfstring(L, "k%d", i);
        lua_pushinteger(L, i);
        lua_rawset(L, -3);
    }
    copy_json(L, -1, &t->out);
    return 0;
}

/* Keys leave in the order of their bytes, whatever the order inside the table. */
static void keys_are_sorted(void **state)
{
    (void)state;
    struct trip t = {0};
    struct err err = {0};
    assert_int_equal(protect(many_keys, &t, &err), 0);
    const char *before = "";
    size_t before_len = 0;
    int n = 0;
    for (const char *p = buf_cstr(&t.out); (p = strstr(p, "\"k")); n++) {
        size_t len = strcspn(p + 1, "\"");
        int order = strncmp(before, p + 1, before_len < len ? before_len : len);
        assert_true(order < 0 || (order == 0 && before_len < len));
        before = p + 1;
        before_len = len;
        p += len + 2;
    }
    assert_int_equal(n, 1999);
    buf_close(&t.out);
}

static int bounded(lua_State *L)
{
    struct trip *t = lua_touserdata(L, 1);
    lua_newtable(L);
    for (int i = 1; i <= 1000; i++) {
        lua_pushinteger(L, i);
        lua_rawseti(L, -2, i);
    }
    t->out.max = 100;
    copy_json(L, -1, &t->out);
    return 0;
}

/* JSON beyond the room given is an error, not a cut text. */
static void long_json_is_refused(void **state)
{
    (void)state;
    struct trip t = {0};
    struct err err = {0};
    assert_int_equal(protect(bounded, &t, &err), ERR_INTERNAL);
    assert_non_null(strstr(err.text, "more than 100 bytes"));
    buf_close(&t.out);
}

static int raise_refusal(lua_State *L)
{
    (void)lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->ref_call);
    lua_getfield(L, -1, "now");
    return 0;
}

/* The call object, kept beyond its command, raises instead of reading what is gone. */
static void call_without_a_command_raises(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(protect(raise_refusal, NULL, &err), ERR_INTERNAL);
    assert_non_null(strstr(err.text, "belongs to a running command"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_sandbox, close_sandbox)
    const struct CMUnitTest tests[] = {
        TEST(json_survives_the_trip), TEST(wrong_json_is_refused), TEST(replies_survive_the_trip),
        TEST(keys_are_sorted),        TEST(long_json_is_refused),  TEST(call_without_a_command_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
