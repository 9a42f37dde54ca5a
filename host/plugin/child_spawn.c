#include "plugin/child_spawn.h"

#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A process asks the kernel to be killed when its parent dies (PR_SET_PDEATHSIG), and the kernel means by that the
 * thread that made it. Lanes and builders of generations come and go, so one thread that stays makes all of them. It
 * starts with the first, and takes orders through a pipe.
 *
 * posix_spawn, because a fork of a large process with many threads is slow. What can't be said there (limits, filters)
 * the process does for itself before it has anything of the plugin, see child_box.h. */

extern char **environ;

enum { LINE_FD = 3 };

struct order {
    struct gate done; /* opened with 0 or an errno */
    int fd;
    pid_t pid;
};

static const char *program = "/proc/self/exe";
static int orders[2];
static atomic_int spawner; /* 0: not there, 1: being started, 2: there, 3: can't be started */

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
        rv = posix_spawn(&o->pid, program, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rv;
}

static void *run(void *arg)
{
    struct order *o;
    (void)arg;
    for (;;) {
        ssize_t n = read(orders[0], &o, sizeof(o));
        if (n == sizeof(o))
            gate_open(&o->done, start(o));
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

int child_spawn(int *pid, int *line_fd, struct err *err)
{
    int pair[2];
    if (!have_spawner())
        return err_set(err, ERR_IO, "a plugin's process can't be started: there is no thread that could do it");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set(err, ERR_IO, "a plugin's process can't be started: socketpair: %s", strerror(errno));
    struct order order = {.done = GATE_INIT, .fd = pair[1]}, *o = &order;
    /* So short a write to a pipe is whole or not at all. */
    int failed = write(orders[1], &o, sizeof(o)) == sizeof(o) ? gate_wait(&order.done) : errno;
    close(pair[1]);
    if (failed) {
        close(pair[0]);
        return err_set(err, ERR_IO, "a plugin's process can't be started: %s: %s", program, strerror(failed));
    }
    *pid = order.pid;
    *line_fd = pair[0];
    return 0;
}
