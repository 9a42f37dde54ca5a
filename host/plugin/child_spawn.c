#include "plugin/child_spawn.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A process asks the kernel to be killed when its parent dies (PR_SET_PDEATHSIG), and the kernel means by that the
 * thread that made it. Lanes and builders of generations come and go, so one thread that stays makes all of them. It
 * starts with the first, and takes orders through a pipe.
 *
 * That thread looks at them once a second. A limit of CPU time set by the kernel counts from the start of a process, and
 * ours live long; so what one uses while it is to wait for a command is held against a second a minute, and what it
 * uses to load against the time it has for that. One that runs is its lane's to stop.
 *
 * posix_spawn, because a fork of a large process with many threads is slow. What can't be said there (limits, filters)
 * the process does for itself before it has anything of the plugin, see child_box.h. */

extern char **environ;

enum { LINE_FD = 3, LOOK_MS = 1000, IDLE_CPU_MS = 1000, LOAD_CPU_MS = 10000, ANEW_MS = 60000 };

struct order {
    struct gate done; /* opened with 0 or an errno */
    struct spawned *process;
    int fd; /* its line; -1: forget it */
};

static const char *program = "/proc/self/exe";
static int orders[2];
static atomic_int spawner;  /* 0: not there, 1: being started, 2: there, 3: can't be started */
static struct spawned *all; /* the spawner's */

void child_spawn_program(const char *path)
{
    program = path;
}

static int null_files(posix_spawn_file_actions_t *actions)
{
    int rv = 0;
    for (int fd = 0; fd < 2 && rv == 0; fd++)
        rv = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return rv; /* a sanitizer's report is wanted */
#else
    return rv ? rv : posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
#endif
}

static int start(struct order *o)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char name[] = "muster", word[] = "child", *argv[] = {name, word, NULL}, *env[] = {NULL};
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* The line first: opening 0 to 2 could hit its descriptor. */
    int rv = posix_spawn_file_actions_adddup2(&actions, o->fd, LINE_FD);
    if (rv == 0)
        rv = null_files(&actions);
    if (rv == 0)
        rv = posix_spawn_file_actions_addclosefrom_np(&actions, LINE_FD + 1);
    if (rv == 0)
        rv = posix_spawn(&o->process->pid, program, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rv;
}

/* -- what it does with its time -- */

void child_spawn_turn(struct spawned *p, enum child_turn turn)
{
    /* Which of them, below a number that tells this one from the last of its kind. */
    atomic_store(&p->turn, ((atomic_load(&p->turn) >> 2) + 1) << 2 | turn);
}

static uint64_t cpu_ns_of(int pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0; /* it has ended */
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void look_at(struct spawned *p)
{
    const uint64_t turn = atomic_load(&p->turn), cpu_ns = cpu_ns_of(p->pid), now = clock_mono_ns();
    if ((turn & 3) == CHILD_RUNS || cpu_ns == 0 || atomic_load(&p->turn) != turn)
        return;
    if (turn != p->seen_turn || now - p->seen_ns > (uint64_t)ANEW_MS * 1000000) {
        p->seen_turn = turn;
        p->seen_ns = now;
        p->seen_cpu_ns = cpu_ns;
        return;
    }
    const uint64_t allowed_ms = (turn & 3) == CHILD_LOADS ? LOAD_CPU_MS : IDLE_CPU_MS;
    if (cpu_ns - p->seen_cpu_ns <= allowed_ms * 1000000)
        return;
    atomic_store(&p->overran, true);
    kill(p->pid, SIGKILL);
}

/* -- its orders -- */

static int obey(struct order *o)
{
    if (o->fd >= 0) {
        int rv = start(o);
        if (rv == 0) {
            o->process->next = all;
            all = o->process;
        }
        return rv;
    }
    struct spawned **at = &all;
    while (*at != o->process)
        at = &(*at)->next;
    *at = o->process->next;
    return 0;
}

static void *run(void *arg)
{
    uint64_t look_ns = 0;
    (void)arg;
    for (;;) {
        struct pollfd p = {.fd = orders[0], .events = POLLIN};
        struct order *o;
        if (poll(&p, 1, all ? LOOK_MS : -1) > 0 && read(orders[0], &o, sizeof(o)) == sizeof(o))
            gate_open(&o->done, obey(o));
        if (clock_mono_ns() < look_ns)
            continue;
        look_ns = clock_mono_ns() + (uint64_t)LOOK_MS * 1000000;
        for (struct spawned *each = all; each; each = each->next)
            look_at(each);
    }
    return NULL;
}

static bool have_spawner(void)
{
    pthread_t thread;
    int state = 0;
    if (atomic_compare_exchange_strong(&spawner, &state, 1)) {
        bool fine = pipe2(orders, O_CLOEXEC) == 0 && thread_start(&thread, "spawner", run, NULL) == 0;
        if (fine)
            pthread_detach(thread);
        atomic_store(&spawner, fine ? 2 : 3);
    }
    while ((state = atomic_load(&spawner)) == 1)
        sched_yield();
    return state == 2;
}

/* So short a write to a pipe is whole or not at all. */
static int tell(struct order *o)
{
    return write(orders[1], &o, sizeof(o)) == sizeof(o) ? gate_wait(&o->done) : errno;
}

int child_spawn(struct spawned *process, int *line_fd, struct err *err)
{
    int pair[2];
    if (!have_spawner())
        return err_set(err, ERR_IO, "a plugin's process can't be started: there is no thread that could do it");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set(err, ERR_IO, "a plugin's process can't be started: socketpair: %s", strerror(errno));
    struct order order = {.done = GATE_INIT, .process = process, .fd = pair[1]};
    *process = (struct spawned){0};
    child_spawn_turn(process, CHILD_LOADS);
    int failed = tell(&order);
    close(pair[1]);
    if (failed) {
        close(pair[0]);
        process->pid = 0;
        return err_set(err, ERR_IO, "a plugin's process can't be started: %s: %s", program, strerror(failed));
    }
    *line_fd = pair[0];
    return 0;
}

void child_spawn_forget(struct spawned *process)
{
    struct order order = {.done = GATE_INIT, .process = process, .fd = -1};
    (void)tell(&order);
}
