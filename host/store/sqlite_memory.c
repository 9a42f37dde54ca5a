/* What SQLite allocates for a plugin's statement is bounded. */
#include "store/sqlite_memory.h"

#include <assert.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

/* A statement of a kilobyte can need gigabytes: a recursive WITH that queues two rows for each one it takes, or names of a WITH
 * that each stand for two of the one before, which are written out while the statement is prepared. SQLite has a limit of
 * its own (sqlite3_hard_heap_limit64), but that is for the whole process and needs a lock at each allocation. A
 * connection belongs to one thread, so here each thread counts by itself.
 *
 * A refused allocation ends the statement with SQLITE_NOMEM, and with it the transaction: the batch is lost and run
 * again one command at a time, as after an interrupted write.
 *
 * The second use is time. SQLite looks whether it was interrupted between two steps of its machine, but neither while it
 * prepares nor while it evaluates one long row. Almost everything that takes long there allocates; so where a hundred
 * interrupts were not heeded, the next allocation is refused. Not before: a reading statement that ends by its
 * interrupt leaves the transaction standing. */

#define MOST ((int64_t)SQLITE_MEMORY_MIB * 1024 * 1024)
#define HEEDED_WITHIN 100 /* interrupts; the watchdog sends one every 2 ms */

static _Thread_local struct {
    int64_t used;  /* below zero where this thread has freed more of others' than it took */
    int64_t begun; /* `used` when the command began */
    int64_t most;  /* `used` stays below */
    const _Atomic int *interrupts;
    enum sqlite_refusal refused;
} mine = {.most = INT64_MAX};

static bool refuse(enum sqlite_refusal why)
{
    if (mine.refused == REFUSED_NOTHING) {
        mine.refused = why;
    }
    return false;
}

static bool may_take(int64_t size)
{
    if (mine.used + size > mine.most) {
        return refuse(REFUSED_SIZE);
    }
    if (mine.interrupts && atomic_load_explicit(mine.interrupts, memory_order_relaxed) > HEEDED_WITHIN) {
        return refuse(REFUSED_LATE);
    }
    return true;
}

static void *take(int size)
{
    void *p = may_take(size) ? malloc((size_t)size) : NULL;
    mine.used += (int64_t)malloc_usable_size(p);
    return p;
}

static void give(void *p)
{
    mine.used -= (int64_t)malloc_usable_size(p);
    free(p);
}

static void *resize(void *p, int size)
{
    const int64_t old = (int64_t)malloc_usable_size(p);
    void *moved = size <= old || may_take(size - old) ? realloc(p, (size_t)size) : NULL;
    mine.used += moved ? (int64_t)malloc_usable_size(moved) - old : 0;
    return moved;
}

static int size_of(void *p)
{
    return (int)malloc_usable_size(p);
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int start(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void end(void *arg)
{
    (void)arg;
}

void sqlite_memory_install(void)
{
    static const struct sqlite3_mem_methods methods = {take, give, resize, size_of, round_up, start, end, NULL};
    int rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void sqlite_memory_begin(void)
{
    mine.begun = mine.used;
}

void sqlite_memory_bound(const _Atomic int *interrupts)
{
    mine.most = mine.begun + MOST;
    mine.interrupts = interrupts;
    mine.refused = REFUSED_NOTHING;
}

void sqlite_memory_unbound(void)
{
    mine.most = INT64_MAX;
    mine.interrupts = NULL;
}

enum sqlite_refusal sqlite_memory_refused(void)
{
    return mine.refused;
}

int64_t sqlite_memory_used(void)
{
    return mine.used;
}
