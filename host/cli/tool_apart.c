#include "cli/tool.h"
#include "cli/tool_plugins.h"

#include "base/clock.h"
#include "base/log.h"
#include "plugin/package.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A plugin's code is run in a process of its own, so that whatever it does, its author is told what was asked of it
 * last: that stands in memory which both processes see. The parent has no threads.
 *
 * The code may leave processes behind that hold on to whatever it had open, and it may take its own alarm away. So the
 * parent listens until the process has ended or its time is over, not until nobody is at the other end, and ends the
 * whole group of processes. That group is not the terminal's, so an interrupt is passed on to it. */

enum { NOTE_BYTES = 4096, RESULT_BYTES = 4 * 1024 * 1024, LATE_MS = 1000 };

static char *noted; /* NOTE_BYTES, shared */
static volatile pid_t running;

/* note(text): what is done now. [-0, +0, v] */
static int note(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    if (noted)
        snprintf(noted, NOTE_BYTES, "%s", text);
    return 0;
}

static void send_all(int fd, const char *text, size_t len)
{
    for (ssize_t n; len > 0; text += n, len -= (size_t)n) {
        n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return;
        n = n < 0 ? 0 : n;
    }
}

/* What the plugin prints and logs is for its author; of the host's own lines only the warnings are. */
static void show_log(enum log_level level, const char *module, const char *text)
{
    if (level >= LOG_WARN)
        fprintf(stderr, "log, %s: %s: %s\n", level == LOG_WARN ? "warning" : "error", module, text);
    else if (level == LOG_INFO && strcmp(module, "plugin") == 0)
        fprintf(stderr, "log: %s\n", text);
}

/* The child: run the function at 1 with the folder; its result, a text, goes to `fd`. Does not return. */
static void be_child(lua_State *L, const char *folder, int seconds, int fd)
{
    size_t len = 0;
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm((unsigned)seconds);
    log_set_level(LOG_INFO);
    log_set_sink(show_log);
    lua_pushvalue(L, 1);
    lua_pushstring(L, folder);
    int failed = lua_pcall(L, 1, 1, 0);
    const char *text = lua_tolstring(L, -1, &len);
    if (failed)
        fprintf(stderr, "muster: %s\n", text ? text : "an error that is no text");
    else if (text)
        send_all(fd, text, len);
    fflush(NULL);
    _exit(failed ? 1 : 0);
}

static void pass_on(int number)
{
    if (running > 0)
        kill(-running, number);
}

/* Why the child ended before its time, pushed. [-0, +1, m] */
static void push_reason(lua_State *L, int status, bool late, int seconds)
{
    if (late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM))
        lua_pushfstring(L, "it was not done within %d s", seconds);
    else if (WIFSIGNALED(status))
        lua_pushfstring(L, "it ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        lua_pushfstring(L, "its process ended by itself, with exit status %d,", WEXITSTATUS(status));
}

/* What comes from `fd` until the process behind `pidfd` has ended and nothing is left. False: it is late. */
static bool collect(int fd, int pidfd, uint64_t deadline_ns, struct buf *result)
{
    struct pollfd ends[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    char bytes[4096];
    for (;;) {
        const uint64_t now = clock_mono_ns();
        if (now >= deadline_ns)
            return false;
        if (poll(ends, 2, (int)((deadline_ns - now) / 1000000) + 1) <= 0)
            continue; /* too late, or interrupted */
        ssize_t n = ends[0].revents ? read(fd, bytes, sizeof bytes) : 0;
        if (n > 0)
            buf_append(result, bytes, (size_t)n);
        else if (ends[0].revents && (n == 0 || errno != EINTR))
            ends[0].fd = -1; /* nobody writes any more */
        else if (ends[1].revents)
            return true;
    }
}

/* `status` becomes how the child ended. [-0, +3, m] */
static int listen_to(lua_State *L, pid_t pid, int fd, int seconds, int *status_out)
{
    struct buf result = {.max = RESULT_BYTES};
    int status = 0, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    const uint64_t deadline = clock_mono_ns() + ((uint64_t)seconds * 1000 + LATE_MS) * 1000000;
    const bool late = !collect(fd, pidfd, deadline, &result);
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
    *status_out = status;
    /* Without a result the function has not returned: something that it called has ended the process. */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && result.len > 0) {
        lua_pushlstring(L, result.len > 0 ? result.data : "", result.len);
        buf_close(&result);
        return 1;
    }
    buf_close(&result);
    lua_pushnil(L);
    push_reason(L, status, late, seconds);
    lua_pushstring(L, noted);
    return 3;
}

/* apart(f, seconds) → the text that f(folder) returns when it is called in a process of its own, with an empty folder;
 * or nil, how that process ended, and what it noted last. [-0, +3, e] */
static int apart(lua_State *L)
{
    char folder[TOOL_PATH_BYTES];
    struct err err = {0};
    int status = 0, ends[2], seconds = (int)luaL_checkinteger(L, 2);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (!noted) {
        noted = mmap(NULL, NOTE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        noted = noted == MAP_FAILED ? NULL : noted;
    }
    if (!noted || tool_temporary(folder, sizeof folder, &err) != 0)
        return luaL_error(L, "%s", noted ? err.text : strerror(errno));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return luaL_error(L, "pipe: %s", strerror(errno));
    noted[0] = '\0';
    fflush(NULL);
    running = 0;
    void (*interrupted)(int) = signal(SIGINT, pass_on); /* the folder shall not stay behind */
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        be_child(L, folder, seconds, ends[1]);
    }
    if (pid > 0)
        setpgid(pid, pid); /* whoever of both comes first */
    running = pid;
    close(ends[1]);
    int results = pid > 0 ? listen_to(L, pid, ends[0], seconds, &status) : 0;
    running = 0;
    close(ends[0]);
    folder_remove(folder, NULL);
    signal(SIGINT, interrupted);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
        raise(SIGINT);
    return pid > 0 ? results : luaL_error(L, "fork: %s", strerror(errno));
}

void tool_open_apart(lua_State *L)
{
    static const luaL_Reg functions[] = {{"apart", apart}, {"note", note}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
