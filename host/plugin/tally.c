#include "plugin/tally.h"

#include "base/clock.h"
#include "base/log.h"

/* Counters are relaxed atomics of the registry: lanes add, whoever asks reads. Counting costs one look at the clock. */

enum { SPAN_MS = 10 * 60 * 1000, WRITE_MS = 500, READ_MS = 2000 };

static int64_t now_ms(void)
{
    return (int64_t)(clock_mono_ns() / 1000000);
}

/* Did it have all the time that its declaration gives it? */
static bool had_its_time(const struct command *c, const struct frame *frame)
{
    int declared = c->timeout_ms > 0 ? c->timeout_ms : c->mode == MODE_WRITE ? WRITE_MS : READ_MS;
    return frame->limit_ms >= declared && frame->deadline_ns >= frame->started_ns + (uint64_t)declared * 1000000;
}

static void note_kill(const struct declared_command *command)
{
    /* The declaration is constant, but for this. */
    struct command_kills *kills = (struct command_kills *)(uintptr_t)&command->kills;
    int64_t at = now_ms();
    for (int i = 0; i < KILLS_MAX; i++)
        at = atomic_exchange_explicit(&kills->at_ms[i], at, memory_order_relaxed);
}

void tally_run(const struct package *p, const struct declared_command *command, const struct frame *frame,
               const struct sandbox *sb, int rv)
{
    if (!p)
        return;
    struct plugin_counters *c = p->plugin.counters;
    enum kill_reason kill = sb ? (enum kill_reason)sb->kill : rv == ERR_TIMEOUT ? KILL_TIME : KILL_NONE;
    counter_add(&c->calls, 1);
    counter_add(&c->run_us, (int64_t)(clock_mono_ns() - frame->started_ns) / 1000);
    if (kill == KILL_TIME)
        counter_add(&c->killed_time, 1);
    else if (kill == KILL_MEMORY)
        counter_add(&c->killed_memory, 1);
    else if (rv == ERR_INTERNAL || (sb && sb->spoiled))
        counter_add(&c->faults, 1);
    else if (rv != 0)
        counter_add(&c->refused, 1);
    if (sb)
        counter_max(&c->memory_peak, (int64_t)sb->peak);
    if (sb && sb->stopped_command && sb->stopped_command != frame->command)
        return; /* by a limit of a run inside it, or around it: that one's count */
    if (command && (kill == KILL_MEMORY || (kill == KILL_TIME && had_its_time(&command->command, frame))))
        note_kill(command);
}

int tally_suspended(const struct declared_command *command, struct err *err)
{
    int64_t oldest = atomic_load_explicit(&command->kills.at_ms[KILLS_MAX - 1], memory_order_relaxed);
    if (__builtin_expect(oldest == 0, 1))
        return 0;
    int64_t last = atomic_load_explicit(&command->kills.at_ms[0], memory_order_relaxed),
            left = last + SPAN_MS - now_ms();
    if (last - oldest > SPAN_MS || left <= 0)
        return 0;
    return err_rule(
        err, ERR_STATE, "limit.suspended", NULL,
        "plugin %s, command %s: not run, for its limits stopped it %d times within %d minutes; it may run again in %d s, or once its plugin is replaced",
        command->command.plugin, command->command.name, KILLS_MAX, SPAN_MS / 60000, (int)(left / 1000) + 1);
}
