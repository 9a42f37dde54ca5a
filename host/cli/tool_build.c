#include "cli/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* C plugins are built where they lie: DIR/NAME.so, made under another name first, so that a running server that has the
 * old one mapped keeps it. No shell is involved; CC, CFLAGS and LDFLAGS are split at blanks. */

enum { WORDS_MAX = 400, SAID_BYTES = 64 * 1024 };

extern char **environ;

struct words {
    char *list[WORDS_MAX + 1];
    int count;
};

static void add(struct words *w, const char *text)
{
    if (w->count < WORDS_MAX)
        w->list[w->count++] = mem_dup(text);
}

static void add_split(struct words *w, const char *text)
{
    char *copy = mem_dup(text ? text : ""), *rest = copy, *word;
    while ((word = strtok_r(rest, " \t\n", &rest)) != NULL)
        add(w, word);
    free(copy);
}

static void close_words(struct words *w)
{
    for (int i = 0; i < w->count; i++)
        free(w->list[i]);
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static void take_later(struct timespec *newest, const struct stat *st)
{
    if (later(st->st_mtim, *newest))
        *newest = st->st_mtim;
}

/* Add the .c files; `newest` gets the time of the last change of any .c or .h. Returns how many .c, or ERR_IO. */
static int add_sources(struct words *w, const char *dir, struct timespec *newest, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, NULL, alphasort), sources = 0;
    if (count < 0)
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        char path[PATH_MAX];
        struct stat st;
        bool source = ends_with(name, ".c");
        if ((source || ends_with(name, ".h")) && name[0] != '.' &&
            snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path && stat(path, &st) == 0) {
            take_later(newest, &st);
            if (source)
                add(w, path);
            sources += source;
        }
        free(names[i]);
    }
    free(names);
    return sources;
}

static void read_all(int fd, struct buf *said)
{
    char bytes[4096];
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR);) {
        if (n > 0 && said && said->len < SAID_BYTES)
            buf_append(said, bytes, (size_t)n);
        else if (n > 0 && !said)
            fwrite(bytes, 1, (size_t)n, stderr);
    }
}

/* Run the compiler. 0, ERR_ARG when it fails, ERR_IO when it cannot be run. */
static int run(struct words *w, const char *dir, struct buf *said, struct err *err)
{
    int ends[2], status = 0;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "run %s: %s", w->list[0], strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    int failed = posix_spawnp(&pid, w->list[0], &actions, NULL, w->list, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed == 0) {
        read_all(ends[0], said);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    if (failed != 0)
        return err_rule(err, ERR_IO, "build.compiler", NULL,
                        "%s cannot be run (%s): install a C compiler, or name one in CC", w->list[0], strerror(failed));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_rule(err, ERR_ARG, "build.failed", NULL, "the C files of %s do not compile", dir);
    return 0;
}

static bool up_to_date(const char *so, struct timespec newest)
{
    struct stat st;
    return stat(so, &st) == 0 && !later(newest, st.st_mtim);
}

/* What is built is as old as its newest source was when the compiler began: a file that is saved while it works is newer,
 * and so not taken for built. */
static int put(const char *made, const char *so, struct timespec newest, struct err *err)
{
    const struct timespec times[2] = {newest, newest};
    if (utimensat(AT_FDCWD, made, times, 0) == 0 && rename(made, so) == 0)
        return 0;
    return err_set(err, ERR_IO, "%s: %s", so, strerror(errno));
}

static int build(const char *dir, const char *so, struct words *sources, struct timespec newest, struct buf *said,
                 struct err *err)
{
    const char *cc = getenv("CC"), *cflags = getenv("CFLAGS");
    struct words w = {0};
    char made[PATH_MAX + 8], include[PATH_MAX];
    snprintf(made, sizeof made, "%s.new", so);
    snprintf(include, sizeof include, "-I%s/api", tool_share());
    add_split(&w, cc && *cc ? cc : "cc");
    add_split(&w, "-std=c17 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror=implicit-function-declaration");
    add_split(&w, cflags && *cflags ? cflags : "-O2 -g");
    add(&w, include);
    add(&w, "-o");
    add(&w, made);
    for (int i = 0; i < sources->count; i++)
        add(&w, sources->list[i]);
    add_split(&w, getenv("LDFLAGS"));
    int rv = run(&w, dir, said, err);
    if (rv == 0)
        rv = put(made, so, newest, err);
    if (rv != 0)
        unlink(made);
    close_words(&w);
    return rv;
}

int plugin_build(const char *dir, bool force, struct buf *said, struct err *err)
{
    struct words sources = {0};
    struct timespec newest = {0};
    struct stat st;
    char *path = realpath(dir, NULL), so[PATH_MAX], header[PATH_MAX];
    if (!path)
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    int rv = add_sources(&sources, path, &newest, err);
    if (rv > 0 && snprintf(so, sizeof so, "%s/%s.so", path, strrchr(path, '/') + 1) >= (int)sizeof so)
        rv = err_set(err, ERR_ARG, "%s: the path is too long", path);
    snprintf(header, sizeof header, "%s/api/muster.h", tool_share());
    if (stat(header, &st) == 0)
        take_later(&newest, &st);
    if (rv > 0)
        rv = !force && up_to_date(so, newest) ? 0 : build(path, so, &sources, newest, said, err);
    close_words(&sources);
    free(path);
    return rv;
}
