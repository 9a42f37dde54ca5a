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

static inline void counter_add(_Atomic int64_t *counter, int64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

#endif
