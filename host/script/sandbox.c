#include "script/sandbox.h"

#include "base/log.h"
#include "script/chain.h"
#include "script/fault.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* A state is created per plugin and lane, runs commands one after the other, and is thrown away when it had to be
 * killed.
 *
 * Time: the watchdog's signal sets `kill` and installs a count hook of one instruction; the hook raises the kill token.
 * No pcall can keep it: ours ask for `kill` after the call, and whatever Lua still runs (`__close`) dies at its first
 * instruction. A C function runs no instructions, so those whose work can grow are our own (strings.c, pattern.c,
 * format.c, tables.c, sort.c) and ask in their loops. What is left is inside the interpreter: a table whose integer or
 * float keys all fall into one chain makes each insertion walk it. For that the watchdog ends the process
 * (quarantine.h).
 *
 * Memory: an allocation never fails at the soft limit, for failing would start emergency collections inside the
 * interpreter. It asks for a full collection at the next instruction, or the next poll of a library's loop, and if that
 * does not help the state is killed. NULL is returned only far above (three times the soft limit) or for a single huge
 * string or userdata, and then the state is killed too. A buffer in the making is not known as one here: the libraries
 * stop it at the same size themselves (library.h). */

enum { SOFT_BYTES = 32 * 1024 * 1024, STRING_BYTES = 16 * 1024 * 1024 };

static char kill_token;

static void hook(lua_State *L, lua_Debug *ar);

void sandbox_hook(struct sandbox *sb)
{
    /* Setting it again while it is set would walk the whole call stack each time. */
    if (sb->cur && lua_gethook(sb->cur) != hook)
        lua_sethook(sb->cur, hook, LUA_MASKCOUNT, 1);
}

void sandbox_stop(struct sandbox *sb, enum kill_reason reason, const struct frame *frame)
{
    if (sb->kill != KILL_NONE)
        return;
    const bool own = frame && frame->sandbox == sb;
    sb->stopped_command = own ? frame->command : NULL;
    sb->stopped_limit_ms = own ? frame->limit_ms : 0;
    sb->kill = reason;
}

static void note_where(struct sandbox *sb, lua_State *L)
{
    lua_Debug ar;
    for (int level = 0; sb->where[0] == '\0' && level < 8 && lua_getstack(L, level, &ar); level++)
        if (lua_getinfo(L, "Sl", &ar) && ar.currentline > 0)
            snprintf(sb->where, sizeof(sb->where), "%s:%d", ar.short_src, ar.currentline);
}

int sandbox_raise(lua_State *L)
{
    note_where(sandbox_of(L), L);
    if (lua_gethook(L) != hook)
        lua_sethook(L, hook, LUA_MASKCOUNT, 1); /* whatever this level still runs dies as well */
    lua_checkstack(L, 1);
    lua_pushlightuserdata(L, &kill_token);
    return lua_error(L);
}

/* The soft limit was passed: what is garbage goes, and if that is not enough, the state does. */
static void collect(struct sandbox *sb, lua_State *L)
{
    sb->collect = 0;
    lua_gc(L, LUA_GCCOLLECT, 0);
    if (sb->used > sb->options.soft_bytes)
        sandbox_stop(sb, KILL_MEMORY, frame_running());
}

void sandbox_attend(lua_State *L)
{
    struct sandbox *sb = sandbox_of(L);
    if (sb->kill == KILL_NONE && sb->collect)
        collect(sb, L);
    if (sb->kill != KILL_NONE)
        sandbox_raise(L);
}

static void hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    sandbox_attend(L);
}

static void *deny(struct sandbox *sb)
{
    sandbox_stop(sb, KILL_MEMORY, frame_running());
    sandbox_hook(sb);
    return NULL;
}

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct sandbox *sb = ud;
    size_t old = ptr ? osize : 0;
    if (nsize == 0) {
        free(ptr);
        sb->used -= old;
        return NULL;
    }
    if (nsize > old) {
        size_t more = nsize - old;
        if (more > sb->hard || sb->used + more > sb->hard)
            return deny(sb);
        /* For a new object Lua passes its kind as the old size. */
        if (!ptr && (osize == LUA_TSTRING || osize == LUA_TUSERDATA) && nsize > sb->options.string_bytes + 64)
            return deny(sb);
        if (sb->used + more > sb->options.soft_bytes && !sb->collect && sb->cur) {
            sb->collect = 1;
            sandbox_hook(sb);
        }
    }
    void *fresh = realloc(ptr, nsize);
    if (!fresh)
        return nsize <= old ? ptr : deny(sb); /* making smaller must never fail */
    sb->used += nsize - old;
    if (sb->used > sb->peak)
        sb->peak = sb->used;
    return fresh;
}

static void *allocate_bare(void *ud, void *ptr, size_t osize, size_t nsize)
{
    (void)ud, (void)osize;
    if (nsize == 0)
        free(ptr);
    return nsize == 0 ? NULL : realloc(ptr, nsize);
}

static int panic(lua_State *L)
{
    log_error("script", "plugin %s: Lua error outside of protection", sandbox_of(L)->options.plugin);
    return 0; /* and Lua aborts */
}

/* -- compiling -- */

void sandbox_compile(lua_State *L, struct slice source, const char *chunk)
{
    if (source.len > SANDBOX_SOURCE_MAX)
        luaL_error(L, "%s: source longer than %d bytes", chunk + 1, SANDBOX_SOURCE_MAX);
    const enum chain chain = chain_look(source);
    if (chain == CHAIN_LINKS)
        luaL_error(L, "%s: more than %d links in one chain of a.b.c", chunk + 1, CHAIN_MAX);
    if (chain == CHAIN_CHOICES)
        luaL_error(L, "%s: more than %d `and` and `or` in one expression", chunk + 1, CHOICES_MAX);
    int status = luaL_loadbufferx(L, source.data ? source.data : "", source.len, chunk, "t");
    sandbox_poll(L);
    if (status != LUA_OK)
        lua_error(L);
}

/* -- life -- */

/* Lua's own libraries, but for `require` and what a plugin must not have: its code has to run as it is. */
static void open_bare(lua_State *L)
{
    static const char *const kept[] = {"pcall", "xpcall", "tostring", "load"};
    const int count = sizeof(kept) / sizeof(kept[0]), top = lua_gettop(L);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    lua_settop(L, top);
    for (int i = 0; i < count; i++)
        lua_getglobal(L, kept[i]);
    sandbox_open_muster(L);
    sandbox_open_call(L);
    sandbox_open_base(L);
    lua_pushglobaltable(L);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, kept[i]);
        lua_pushvalue(L, top + 1 + i);
        lua_rawset(L, -3);
    }
    lua_settop(L, top);
}

static int open_all(lua_State *L)
{
    static const luaL_Reg libs[] = {
        {LUA_GNAME, luaopen_base},
        {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8},
        {LUA_COLIBNAME, luaopen_coroutine},
    };
    for (size_t i = 0; i < sizeof(libs) / sizeof(libs[0]); i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    if (sandbox_of(L)->options.bare) {
        open_bare(L);
        return 0;
    }
    sandbox_open_strings(L);
    sandbox_open_tables(L);
    sandbox_open_coroutine(L);
    sandbox_open_muster(L);
    sandbox_open_call(L);
    sandbox_open_metatables(L);
    sandbox_open_base(L); /* last: it closes the table of globals */
    /* Nobody asks what was loaded but tracebacks, which look for each function's name in all of it; and a plugin may fill
     * its copy of `string` with a hundred thousand names. */
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    return 0;
}

struct sandbox *sandbox_new(const struct sandbox_options *options)
{
    struct sandbox *sb = mem_zalloc(sizeof(*sb));
    sb->options = *options;
    if (sb->options.soft_bytes == 0)
        sb->options.soft_bytes = SOFT_BYTES;
    if (sb->options.string_bytes == 0)
        sb->options.string_bytes = STRING_BYTES;
    sb->hard = 3 * sb->options.soft_bytes;
    sb->L = lua_newstate(options->bare ? allocate_bare : allocate, sb);
    if (!sb->L)
        abort();
    *(struct sandbox **)lua_getextraspace(sb->L) = sb;
    lua_atpanic(sb->L, panic);
    lua_pushcfunction(sb->L, open_all);
    if (lua_pcall(sb->L, 0, 0, 0) != LUA_OK) {
        log_error("script", "sandbox: %s", lua_tostring(sb->L, -1));
        abort();
    }
    sb->cur = sb->L;
    return sb;
}

void sandbox_free(struct sandbox *sb)
{
    if (!sb)
        return;
    sb->cur = NULL;
    cursor_close(sb->cursor);
    lua_close(sb->L);
    for (size_t i = 0; i < sizeof(sb->levels) / sizeof(sb->levels[0]); i++) {
        buf_close(&sb->levels[i].args);
        buf_close(&sb->levels[i].reply);
    }
    buf_close(&sb->text);
    free(sb);
}

/* -- running -- */

static int protect(struct sandbox *sb, const struct frame *frame, lua_CFunction body, void *arg, struct err *err)
{
    /* A plugin that is called back runs on the coroutine that made the call: its frames lie on top. */
    lua_State *L = sb->cur;
    int top = lua_gettop(L);
    if (sb->kill != KILL_NONE)
        return fault_take(sb, L, LUA_OK, frame, err);
    if (!lua_checkstack(L, 8))
        return err_rule(err, ERR_LIMIT, "limit.stack", NULL, "plugin %s: its calls nest too deeply", frame->plugin);
    lua_pushcfunction(L, fault_trace);
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, arg);
    int status = lua_pcall(L, 1, 0, top + 1);
    sb->cur = L; /* an error may have left it at a coroutine */
    int rv = 0;
    if (status != LUA_OK || sb->kill != KILL_NONE)
        rv = fault_take(sb, L, status, frame, err);
    if (rv == ERR_LIMIT && err && strcmp(err->rule, "limit.stack") == 0)
        sb->spoiled = true; /* its grown stack is not worth keeping */
    lua_settop(L, top);
    return rv;
}

int sandbox_run(struct sandbox *sb, struct watch *watch, struct frame *frame, lua_CFunction body, void *arg,
                struct err *err)
{
    struct cursor *cursor = sb->cursor;
    int coroutines = sb->coroutines;
    frame->sandbox = sb;
    sb->cursor = NULL;
    sb->entered++;
    if (!sb->options.bare)
        frame_enter(watch, frame);
    int rv = protect(sb, frame, body, arg, err);
    if (!sb->options.bare)
        frame_leave(watch, frame);
    sb->entered--;
    sb->coroutines = coroutines;
    cursor_close(sb->cursor);
    sb->cursor = cursor;
    return rv;
}
