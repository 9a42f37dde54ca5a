/* Deadlines of running commands: one thread watches every lane, and a signal stops the script in the lane's own thread.
 */
#ifndef MUSTER_SCRIPT_WATCHDOG_H
#define MUSTER_SCRIPT_WATCHDOG_H

#include "base/err.h"
#include "store/store.h"

struct sandbox;

struct watch; /* one lane's place at the watchdog: static, never freed */

/* One running command of a lane, on the lane's stack; `outer` is the one that called it. */
struct frame {
    uint64_t started_ns;  /* clock_mono_ns */
    uint64_t deadline_ns; /* clock_mono_ns; 0: none. Moves once, see watchdog.c */
    int limit_ms;         /* the time it was given */
    const char *plugin, *command;
    struct sandbox *sandbox; /* whose Lua runs; NULL: native */
    struct frame *outer;
    struct watch *watch;
    bool extended;
};

/* The deadline with what an overloaded machine may add: what lies behind it can't belong to the command. */
static inline uint64_t frame_latest(const struct frame *f)
{
    if (f->deadline_ns == 0 || !f->sandbox || f->extended)
        return f->deadline_ns;
    int more_ms = f->limit_ms;
    for (const struct frame *outer = f->outer; outer && outer->deadline_ns == f->deadline_ns; outer = outer->outer)
        if (outer->limit_ms < more_ms)
            more_ms = outer->limit_ms;
    return f->deadline_ns + (uint64_t)more_ms * 1000000;
}

/* Take a place for the calling thread. `store` (may be NULL) is interrupted when a deadline passes; a command that goes
 * on for `grace_ms` after its deadline ends the process. NULL when all places are taken. */
struct watch *watch_enter(struct store *store, int grace_ms);
void watch_leave(struct watch *w); /* same thread; NULL is fine */

/* Make `frame` the running one; its deadline becomes the outer's when that is earlier. */
void frame_enter(struct watch *w, struct frame *frame);
/* End it. Once this has returned, no signal and no interrupt for its deadline can come any more. */
void frame_leave(struct watch *w, struct frame *frame);
/* The innermost frame of the calling thread, or NULL. */
struct frame *frame_running(void);
/* Mark the states of all frames whose deadline has passed. The signal does this; a binding does it after ERR_TIMEOUT
 * from the store. */
void frame_expire(void);

/* The thread, one for the process. */
int watchdog_start(struct err *err);
void watchdog_stop(void);

#endif
