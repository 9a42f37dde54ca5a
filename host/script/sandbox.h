/* One sandboxed Lua state: memory accounting, the kill flag, a fixed environment. Owned by one lane's thread. */
#ifndef MUSTER_SCRIPT_SANDBOX_H
#define MUSTER_SCRIPT_SANDBOX_H

#include "script/call.h"
#include "script/watchdog.h"

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#define SANDBOX_SOURCE_MAX (256 * 1024)

/* Why a state must die. Once set it stays: the state is thrown away, for its variables may be half-written. */
enum kill_reason { KILL_NONE, KILL_TIME, KILL_MEMORY };

struct sandbox_options {
    const char *plugin;  /* name; outlives the sandbox */
    size_t soft_bytes;   /* of the state's memory; hard is three times that; 0: 32 MiB */
    size_t string_bytes; /* of one string; 0: 16 MiB */
    /* The source of a module ("fund.gifts"), or an empty slice with data NULL. */
    struct slice (*find)(void *arg, const char *module);
    /* Push what require gives for a name without source, and return true; or false. NULL: there is nothing of the kind.
     * [-0, +0|1, e] */
    bool (*push_module)(lua_State *L, void *arg, const char *name);
    void *arg;
    bool bare; /* Lua's own libraries and allocator, no limit at all: only to measure what the sandbox costs */
};

/* Buffers of one nesting of call:invoke inside a state. */
struct sandbox_level {
    struct buf args, reply;
};

struct sandbox {
    struct sandbox_options options;
    lua_State *L;                  /* the main thread */
    lua_State *volatile cur;       /* the coroutine that runs */
    volatile sig_atomic_t kill;    /* enum kill_reason */
    volatile sig_atomic_t collect; /* the soft limit was passed: collect at the next instruction */
    bool spoiled;                  /* it may not run again, though the command ended with an error of its own */
    size_t used, peak, hard;
    int coroutines;  /* nested resumes */
    int entered;     /* nested runs: 2 when a plugin is called back by one that it called */
    char where[100]; /* the line at which the state was stopped */
    /* Whose limit stopped it: of runs nested in one state that need not be the innermost. */
    const char *stopped_command;
    int stopped_limit_ms;

    /* -- the running command -- */
    struct call *call;     /* NULL between commands */
    struct buf *trace;     /* where a fault's traceback goes instead of the log, or NULL */
    struct err *doom;      /* of the running command: its first failed statement; code 0 when none */
    struct cursor *cursor; /* open while rows become tables: closed at the end if an error jumped over it */
    int level;
    struct sandbox_level levels[CALL_DEPTH_MAX + 2];
    struct buf text;           /* for one binding at a time, never across a call of plugin code */
    int ref_call, ref_refusal; /* registry references */
};

/* The environment is complete; no plugin code has run. Never NULL (out of memory aborts). */
struct sandbox *sandbox_new(const struct sandbox_options *options);
void sandbox_free(struct sandbox *sb); /* NULL is fine; not while it runs */

static inline struct sandbox *sandbox_of(lua_State *L)
{
    return *(struct sandbox **)lua_getextraspace(L);
}

/* Run `body` protected, with the light userdata `arg` as its only argument, as `frame`, under the watchdog. What Lua
 * raises becomes `err`: a refusal as it was made, ERR_TIMEOUT, ERR_LIMIT or ERR_INTERNAL with plugin, file and line; a
 * fault's traceback is logged. 0 or the code. The state must not be used again once sandbox_dead. */
int sandbox_run(struct sandbox *sb, struct watch *watch, struct frame *frame, lua_CFunction body, void *arg,
                struct err *err);

/* Was it stopped, or grown beyond what is worth keeping? Then throw it away. */
static inline bool sandbox_dead(const struct sandbox *sb)
{
    return sb->kill != KILL_NONE || sb->spoiled;
}

/* Push the function of a source text: no bytecode, bounded, no absurd chains. Raises when it can't be compiled. [-0,
 * +1, e] */
void sandbox_compile(lua_State *L, struct slice source, const char *chunk);

/* From now on every instruction of the running coroutine ends in the kill, by a limit of `frame` (NULL: there is none).
 * Async-signal-safe on the lane's own thread. */
void sandbox_stop(struct sandbox *sb, enum kill_reason reason, const struct frame *frame);
/* Make the running coroutine look at the flags at its next instruction. Async-signal-safe on the lane's own thread. */
void sandbox_hook(struct sandbox *sb);
/* Raise the kill, which no pcall of ours lets pass. Does not return. */
int sandbox_raise(lua_State *L);
/* What sandbox_poll has seen: raise the kill, or collect first. [-0, +0, v] */
void sandbox_attend(lua_State *L);
/* Asked by every C function that protects a call, afterwards, and in every loop of one that may work long: no hook runs
 * in there. [-0, +0, v] */
static inline void sandbox_poll(lua_State *L)
{
    const struct sandbox *sb = sandbox_of(L);
    if (__builtin_expect(sb->kill | sb->collect, 0))
        sandbox_attend(L);
}

/* -- parts of the environment, one file each -- */
void sandbox_open_base(lua_State *L);       /* base.c: pcall, xpcall, load, tostring, print, require … [-0, +0, m] */
void sandbox_open_metatables(lua_State *L); /* metatable.c: setmetatable, getmetatable, rawset [-0, +0, m] */
void sandbox_open_coroutine(lua_State *L);  /* coroutine.c [-0, +0, m] */
void sandbox_open_strings(lua_State *L);    /* strings.c, pattern.c, format.c [-0, +0, m] */
void sandbox_open_tables(lua_State *L);     /* tables.c, sort.c [-0, +0, m] */
void sandbox_open_muster(lua_State *L);     /* lib.c: muster.null, muster.json [-0, +0, m] */
void sandbox_open_call(lua_State *L);       /* binding.c: the call object [-0, +0, m] */

/* tostring() without addresses: pushes a string. [-0, +1, e] */
const char *sandbox_tostring(lua_State *L, int index, size_t *len);

#endif
