/* What each plugin has cost and done, counted by the lanes, read by anybody. */
#ifndef MUSTER_SCRIPT_COUNTERS_H
#define MUSTER_SCRIPT_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* One plugin's of one generation and all lanes: it belongs to the registry. */
struct plugin_counters {
    _Atomic int64_t calls, refused;             /* refused: by the plugin itself */
    _Atomic int64_t faults;                     /* errors of its code */
    _Atomic int64_t killed_time, killed_memory; /* stopped by a limit */
    _Atomic int64_t crashes;                    /* of its child process */
    _Atomic int64_t run_us;                     /* wall time inside its code, calls to others included */
    _Atomic int64_t memory_peak;                /* bytes, of the largest of its states */
};

/* When a command was last stopped by a limit, newest first, in ms of the monotonic clock; 0: not yet. Lanes that stop the
 * same command at the same moment may count it once. */
#define KILLS_MAX 3
struct command_kills {
    _Atomic int64_t at_ms[KILLS_MAX];
};

static inline void counter_add(_Atomic int64_t *counter, int64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static inline void counter_max(_Atomic int64_t *counter, int64_t value)
{
    int64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    while (value > before &&
           !atomic_compare_exchange_weak_explicit(counter, &before, value, memory_order_relaxed, memory_order_relaxed))
        ;
}

#endif
