#include "cli/keep.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The keeper and its child, the server:
 *
 *   start ─► wait ─► exit 0, or after SIGTERM ──────────────────► end with its status
 *     ▲        └───► exit with an error at the first start ─────► end with its status (a wrong configuration, say)
 *     │        └───► death by a signal, a failed start later ─┐
 *     └──────────── pause: 0.2 s, doubled up to 30 s ◄────────┘  (0.2 s again once it has run for a minute)
 *
 * The child is a process group of its own: Ctrl-C reaches it once, from here. If the keeper is killed, the kernel asks
 * the child to end as with SIGTERM. All signals are blocked here and taken one at a time, so none is lost. */

enum { FIRST_PAUSE_MS = 200, LAST_PAUSE_MS = 30 * 1000, STEADY_MS = 60 * 1000 };

struct keeper {
    char **argv; /* of the child; owned, its texts are not */
    sigset_t caught, before;
    pid_t child;
    bool stopping;
};

/* `--keep`, and what getopt would take for it. */
static bool is_keep(const char *word)
{
    size_t len = strlen(word);
    return len > 2 && strncmp("--keep", word, len) == 0;
}

static char **words_of_child(int argc, char **argv)
{
    static char program[] = "muster";
    char **out = mem_zalloc(((size_t)argc + 2) * sizeof(*out));
    int n = 0;
    out[n++] = program;
    for (int i = 0; i < argc; i++)
        if (i == 0 || !is_keep(argv[i]))
            out[n++] = argv[i];
    return out;
}

static void start(struct keeper *k)
{
    pid_t keeper = getpid();
    k->child = fork();
    if (k->child > 0)
        return;
    if (k->child < 0) {
        log_error("keep", "no process could be started: %s", strerror(errno));
        return;
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &k->before, NULL);
    if (getppid() == keeper) /* else it died before the kernel was told */
        execv("/proc/self/exe", k->argv);
    _exit(err_exit_status(ERR_INTERNAL));
}

/* Take one signal and pass it on to the child, if there is one. False when `ms` have passed (< 0: for ever). */
static bool take_signal(struct keeper *k, int64_t ms, int *number)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    do
        *number = ms < 0 ? sigwaitinfo(&k->caught, NULL) : sigtimedwait(&k->caught, NULL, &time);
    while (*number < 0 && errno == EINTR);
    if (*number < 0)
        return false;
    if (*number == SIGTERM || *number == SIGINT)
        k->stopping = true;
    if (*number != SIGCHLD && k->child > 0)
        kill(k->child, *number);
    return true;
}

/* Until the child has ended: its status as of waitpid. */
static int wait_for_child(struct keeper *k)
{
    int status = 0, number;
    while (k->child > 0 && waitpid(k->child, &status, WNOHANG) != k->child)
        take_signal(k, -1, &number);
    k->child = 0;
    return status;
}

static void pause_for(struct keeper *k, int64_t ms)
{
    uint64_t end = clock_mono_ns() + (uint64_t)ms * 1000000;
    int number;
    for (uint64_t now; !k->stopping && (now = clock_mono_ns()) < end;)
        take_signal(k, (int64_t)((end - now) / 1000000) + 1, &number);
}

static int exit_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Is it over, or shall it be started again? */
static bool is_over(const struct keeper *k, int status, int starts)
{
    if (k->stopping)
        return true;
    if (WIFSIGNALED(status))
        return false;
    return starts == 1 || WEXITSTATUS(status) != err_exit_status(ERR_INTERNAL);
}

static int keep(struct keeper *k)
{
    int64_t pause = FIRST_PAUSE_MS;
    for (int starts = 1;; starts++) {
        uint64_t from = clock_mono_ns();
        start(k);
        bool started = k->child > 0;
        int status = wait_for_child(k);
        int64_t ran_ms = (int64_t)((clock_mono_ns() - from) / 1000000);
        if (started && is_over(k, status, starts))
            return exit_status(status);
        if (ran_ms >= STEADY_MS)
            pause = FIRST_PAUSE_MS;
        if (started && WIFSIGNALED(status))
            log_error("keep", "the server died by signal %d (%s) after %lld s; it is started again in %lld ms",
                      WTERMSIG(status), strsignal(WTERMSIG(status)), (long long)ran_ms / 1000, (long long)pause);
        else
            log_error("keep", "the server did not start; the next try is in %lld ms", (long long)pause);
        pause_for(k, pause);
        if (k->stopping)
            return 0;
        pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
    }
}

int keep_run(int argc, char **argv)
{
    struct keeper k = {.argv = words_of_child(argc, argv)};
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigemptyset(&k.caught);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&k.caught, numbers[i]);
    sigprocmask(SIG_BLOCK, &k.caught, &k.before);
    int status = keep(&k);
    sigprocmask(SIG_SETMASK, &k.before, NULL);
    free(k.argv);
    return status;
}
