#include "script/watchdog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "script/quarantine.h"
#include "script/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A script runs without any hook, at full speed. Every 2 ms the watchdog compares the deadline of each lane with the
 * clock; when one has passed it interrupts the lane's store and sends the lane's thread a signal. The handler, in that
 * thread, marks the states whose time is up and installs the hook that kills them. lua_sethook from another thread
 * would be a race inside Lua.
 *
 * The watchdog touches nothing but the static places below. It raises `touching` before it looks at a deadline for the
 * last time, and a lane that ends a command lowers the deadline and waits for `touching`: so neither signal nor
 * interrupt can hit what comes next (a rollback above all). A signal that is late nevertheless finds no frame whose
 * deadline has passed, and does nothing.
 *
 * On a box with more to do than it can, time passes without the script getting any of it. When a lane's thread had less
 * than half of the CPU since the watchdog first saw its deadline (or when the watchdog itself came too late to see it),
 * the first signal is an offer: the handler gives a script its limit once more. Every frame takes that once; native code
 * never does, for it may be waiting rather than starving.
 *
 * What goes on although it was stopped is inside an instruction that nothing can interrupt: the plugin is noted in
 * quarantine and the process ends. SQLite makes the crash safe, and the next start begins without the plugin.
 *
 * With no lane at work the thread sleeps; the first command wakes it through an eventfd. */

/* As many lanes as there may be (64 readers), those of a copy that is tried out, and whoever builds states for them. */
enum { PLACES = 128, TICK_MS = 2, IDLE_TICKS = 50 };

struct watch {
    atomic_bool used;
    atomic_bool touching;
    _Atomic uint64_t deadline_ns;
    _Atomic(const char *) plugin, command;
    atomic_bool offer; /* the next signal may extend the deadline */
    atomic_int clock;  /* of the thread's CPU time: a clockid_t */
    /* set before `used` and constant until the place is left */
    struct store *store;
    pthread_t thread;
    int grace_ms;
    /* the watchdog's own */
    uint64_t seen_deadline, seen_ns, seen_cpu_ns; /* when it first saw this deadline, and the thread's CPU time then */
    int late_ticks;
};

static struct watch places[PLACES];
static _Thread_local struct frame *volatile running;
static atomic_bool sleeping, stopping;
static atomic_int started;
static int wake_fd = -1;
static pthread_t thread;

static void wake(void)
{
    uint64_t one = 1;
    if (write(wake_fd, &one, sizeof(one)) < 0)
        log_error("watchdog", "wake: %s", strerror(errno));
}

/* -- the lane's side -- */

struct watch *watch_enter(struct store *store, int grace_ms)
{
    for (int i = 0; i < PLACES; i++) {
        bool free_place = false;
        struct watch *w = &places[i];
        /* `touching` serves as the lock of the fields below while nobody uses the place. */
        if (atomic_load(&w->used) || !atomic_compare_exchange_strong(&w->touching, &free_place, true))
            continue;
        if (!atomic_load(&w->used)) {
            w->store = store;
            w->thread = pthread_self();
            w->grace_ms = grace_ms;
            clockid_t clock;
            atomic_store(&w->clock, pthread_getcpuclockid(w->thread, &clock) == 0 ? clock : CLOCK_MONOTONIC);
            atomic_store(&w->offer, false);
            quarantine_thread();
            atomic_store(&w->deadline_ns, 0);
            atomic_store(&w->used, true);
            atomic_store(&w->touching, false);
            return w;
        }
        atomic_store(&w->touching, false);
    }
    return NULL;
}

static void await_watchdog(struct watch *w)
{
    while (atomic_load(&w->touching))
        sched_yield();
}

void watch_leave(struct watch *w)
{
    if (!w)
        return;
    atomic_store(&w->used, false);
    atomic_store(&w->deadline_ns, 0);
    await_watchdog(w);
}

static void show(struct watch *w, const struct frame *frame)
{
    atomic_store_explicit(&w->plugin, frame ? frame->plugin : NULL, memory_order_relaxed);
    atomic_store_explicit(&w->command, frame ? frame->command : NULL, memory_order_relaxed);
    atomic_store(&w->deadline_ns, frame ? frame->deadline_ns : 0);
}

void frame_enter(struct watch *w, struct frame *frame)
{
    frame->outer = running;
    frame->watch = w;
    uint64_t latest = frame->outer ? frame->outer->deadline_ns : 0;
    if (latest != 0 && (frame->deadline_ns == 0 || latest < frame->deadline_ns))
        frame->deadline_ns = latest;
    atomic_signal_fence(memory_order_seq_cst);
    running = frame;
    atomic_signal_fence(memory_order_seq_cst);
    show(w, frame);
    if (atomic_load(&sleeping) && atomic_exchange(&sleeping, false))
        wake();
}

void frame_leave(struct watch *w, struct frame *frame)
{
    running = frame->outer;
    atomic_signal_fence(memory_order_seq_cst);
    show(w, frame->outer);
    await_watchdog(w);
}

struct frame *frame_running(void)
{
    return running;
}

static bool is_over(const struct frame *f, uint64_t now)
{
    return f->deadline_ns != 0 && now >= f->deadline_ns;
}

/* Of the runs in this state whose time is up, the outermost: the others could not have had more than it. */
static const struct frame *whose_time(const struct frame *f, uint64_t now)
{
    const struct frame *found = f;
    for (; f; f = f->outer)
        if (f->sandbox == found->sandbox && is_over(f, now))
            found = f;
    return found;
}

void frame_expire(void)
{
    uint64_t now = clock_mono_ns();
    bool any = false;
    for (struct frame *f = running; f; f = f->outer)
        if (is_over(f, now) && f->sandbox) {
            sandbox_stop(f->sandbox, KILL_TIME, whose_time(f, now));
            any = true;
        }
    if (any && running->sandbox && running->sandbox->kill != KILL_NONE)
        sandbox_hook(running->sandbox);
}

/* Give the running script, and those of its callers whose time is up as well, their time once more. */
static bool extend(void)
{
    struct frame *f = running;
    uint64_t now = clock_mono_ns();
    if (!f || !f->sandbox || f->sandbox->kill != KILL_NONE || f->deadline_ns == 0 || now < f->deadline_ns)
        return false;
    uint64_t more = (uint64_t)f->limit_ms * 1000000;
    for (const struct frame *outer = f; outer; outer = outer->outer) {
        bool expired = is_over(outer, now);
        if (expired && outer->extended)
            return false;
        if (expired && (uint64_t)outer->limit_ms * 1000000 < more)
            more = (uint64_t)outer->limit_ms * 1000000;
        if (!expired && outer->deadline_ns != 0 && outer->deadline_ns < f->deadline_ns + more)
            more = outer->deadline_ns - f->deadline_ns;
    }
    for (struct frame *outer = f; outer; outer = outer->outer)
        if (is_over(outer, now)) {
            outer->deadline_ns += more;
            outer->extended = true;
        }
    atomic_store(&f->watch->deadline_ns, f->deadline_ns);
    return true;
}

static void on_signal(int number)
{
    (void)number;
    int before = errno;
    const struct frame *f = running;
    if (!f || !atomic_exchange(&f->watch->offer, false) || !extend())
        frame_expire();
    errno = before;
}

/* -- the watchdog's side -- */

static void give_up(const struct watch *w)
{
    const char *plugin = atomic_load_explicit(&w->plugin, memory_order_relaxed);
    const char *command = atomic_load_explicit(&w->command, memory_order_relaxed);
    quarantine_note(plugin, command, "it went on after its deadline and could not be stopped");
    log_error("watchdog",
              "plugin %s, command %s: still running %d ms after its deadline and can't be stopped; ending the process",
              plugin ? plugin : "?", command ? command : "?", w->grace_ms);
    abort();
}

/* Of the lane's thread; 0 when it has ended. */
static uint64_t cpu_ns(struct watch *w)
{
    struct timespec t;
    return clock_gettime(atomic_load(&w->clock), &t) == 0 ? (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec : 0;
}

static void meet(struct watch *w, uint64_t deadline, uint64_t now)
{
    w->seen_deadline = deadline;
    w->seen_ns = now;
    w->seen_cpu_ns = cpu_ns(w);
    w->late_ticks = 0;
    atomic_store(&w->offer, false); /* of a signal that came too late for what it was meant for */
}

static bool starved(struct watch *w, uint64_t now)
{
    return w->seen_ns >= w->seen_deadline || cpu_ns(w) - w->seen_cpu_ns < (now - w->seen_ns) / 2;
}

static void act(struct watch *w, uint64_t deadline, uint64_t now)
{
    /* Ticks are counted besides: a process that was stopped as a whole wakes up with every clock late. */
    w->late_ticks++;
    bool not_touched = false;
    if (!atomic_compare_exchange_strong(&w->touching, &not_touched, true))
        return;
    if (atomic_load(&w->used) && atomic_load(&w->deadline_ns) == deadline) {
        if (w->late_ticks >= w->grace_ms / TICK_MS && now > deadline + (uint64_t)w->grace_ms * 1000000)
            give_up(w);
        if (w->late_ticks == 1 && starved(w, now))
            atomic_store(&w->offer, true);
        else if (w->store && !atomic_load(&w->offer)) /* else it has not come to take the offer yet */
            store_interrupt(w->store);
        pthread_kill(w->thread, SIGURG);
    }
    atomic_store(&w->touching, false);
}

/* One look at all places. Is any lane at work? */
static bool look(void)
{
    bool busy = false;
    uint64_t now = clock_mono_ns();
    for (int i = 0; i < PLACES; i++) {
        uint64_t deadline = atomic_load(&places[i].deadline_ns);
        busy = busy || deadline != 0;
        if (deadline != 0 && deadline != places[i].seen_deadline)
            meet(&places[i], deadline, now);
        if (deadline != 0 && now >= deadline)
            act(&places[i], deadline, now);
    }
    return busy;
}

static void *watch_all(void *arg)
{
    (void)arg;
    int idle = 0;
    while (!atomic_load(&stopping)) {
        idle = look() ? 0 : idle + 1;
        if (idle < IDLE_TICKS) {
            poll(NULL, 0, TICK_MS);
            continue;
        }
        atomic_store(&sleeping, true);
        if (!look() && !atomic_load(&stopping)) {
            struct pollfd p = {.fd = wake_fd, .events = POLLIN};
            poll(&p, 1, -1);
        }
        atomic_store(&sleeping, false);
        uint64_t count;
        if (read(wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
            log_error("watchdog", "wake: %s", strerror(errno));
        idle = 0;
    }
    return NULL;
}

int watchdog_start(struct err *err)
{
    if (atomic_fetch_add(&started, 1) > 0)
        return 0;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&stopping, false);
    int rv = 0;
    if (wake_fd < 0 || sigaction(SIGURG, &action, NULL) != 0)
        rv = err_set(err, ERR_INTERNAL, "watchdog: %s", strerror(errno));
    else if (thread_start(&thread, "watchdog", watch_all, NULL) != 0)
        rv = err_set(err, ERR_INTERNAL, "watchdog: no thread could be started");
    if (rv != 0) {
        if (wake_fd >= 0)
            close(wake_fd);
        atomic_store(&started, 0);
    }
    return rv;
}

void watchdog_stop(void)
{
    int before = atomic_load(&started);
    if (before == 0 || atomic_fetch_sub(&started, 1) != 1)
        return;
    atomic_store(&stopping, true);
    wake();
    pthread_join(thread, NULL);
    close(wake_fd);
    wake_fd = -1;
}
