#include "script/quarantine.h"

#include "script/watchdog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* quarantine/NAME holds why the process ended with that plugin's code running. The note is written with nothing but
 * system calls and memory on the stack: whoever writes it may have been hit in the middle of malloc.
 *
 *   lane's thread: SIGSEGV … ─► handler, on the thread's second stack ─► does a frame run? ─► note, fsync ─► default action
 *   watchdog: a script can't be stopped ─────────────────────────────────────────────────► note, fsync ─► abort
 *
 * The host's own commands (plugin "muster") are never noted: without them there would be no host to come back to.
 * Under the sanitizers no handler is installed, for they report by these signals. */

enum { TEXT_BYTES = 200, NOTE_BYTES = 1024, SECOND_STACK = 64 * 1024 };

static char folder[PATH_MAX];
static atomic_llong generation;
static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* -- writing, with async-signal-safe means only -- */

struct note {
    char text[NOTE_BYTES];
    size_t len;
};

static void put(struct note *n, const char *text, size_t max)
{
    for (size_t i = 0; text[i] && i < max && n->len < sizeof(n->text); i++) {
        unsigned char c = (unsigned char)text[i];
        n->text[n->len++] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
}

static void put_line(struct note *n, const char *key, const char *value)
{
    put(n, key, TEXT_BYTES);
    put(n, value ? value : "?", TEXT_BYTES);
    if (n->len < sizeof(n->text))
        n->text[n->len++] = '\n';
}

static void put_number(char out[24], int64_t value)
{
    char digits[24];
    size_t n = 0, i = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0)
        out[i++] = digits[--n];
    out[i] = '\0';
}

/* `[a-z][a-z0-9]*`, and not the host: what may be a file's name here. */
static bool is_plugin(const char *name)
{
    size_t n = 0;
    if (!name || name[0] < 'a' || name[0] > 'z' || strcmp(name, "muster") == 0)
        return false;
    while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9'))
        n++;
    return name[n] == '\0' && n < sizeof(((struct quarantine_entry *)0)->plugin);
}

/* "FOLDER/NAME". */
static bool make_path(char out[PATH_MAX], const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    if (a + b + 2 > PATH_MAX)
        return false;
    memcpy(out, dir, a);
    out[a] = '/';
    memcpy(out + a + 1, name, b + 1);
    return true;
}

static void sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

void quarantine_generation(int64_t number)
{
    atomic_store(&generation, number);
}

void quarantine_note(const char *plugin, const char *command, const char *reason)
{
    char path[PATH_MAX], at[24], number[24];
    struct note note = {.len = 0};
    struct timespec now = {0};
    int before = errno;
    if (!folder[0] || !is_plugin(plugin) || !make_path(path, folder, plugin))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    put_number(at, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    put_line(&note, "plugin=", plugin);
    put_line(&note, "command=", command);
    put_line(&note, "reason=", reason);
    put_line(&note, "at=", at);
    put_number(number, atomic_load(&generation));
    put_line(&note, "generation=", number);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        size_t done = 0;
        for (ssize_t n; done < note.len && (n = write(fd, note.text + done, note.len - done)) > 0;)
            done += (size_t)n;
        fsync(fd);
        close(fd);
        sync_folder(folder);
    }
    errno = before;
}

/* -- fatal signals -- */

static void on_fatal(int number)
{
    static const char *const reasons[] = {
        "it crashed the process (SIGSEGV: a wrong address, or its stack was used up)",
        "it crashed the process (SIGBUS: a wrong address)",
        "it crashed the process (SIGFPE: an impossible calculation)",
        "it crashed the process (SIGILL: no such instruction)",
        "it ended the process (SIGABRT: an assertion, or a damaged heap)",
    };
    const struct frame *frame = frame_running();
    for (size_t i = 0; frame && i < sizeof(fatal) / sizeof(fatal[0]); i++)
        if (fatal[i] == number)
            quarantine_note(frame->plugin, frame->command, reasons[i]);
    signal(number, SIG_DFL);
    raise(number); /* delivered when this returns */
}

static int catch_signals(struct err *err)
{
#ifndef SANITIZED
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        if (sigaction(fatal[i], &action, NULL) != 0)
            return err_set(err, ERR_INTERNAL, "quarantine: %s", strerror(errno));
#else
    (void)err;
    (void)on_fatal;
#endif
    return 0;
}

void quarantine_thread(void)
{
#ifndef SANITIZED
    /* As long as the thread: untouched pages of it cost nothing. */
    static _Thread_local char second_stack[SECOND_STACK];
    stack_t stack = {.ss_sp = second_stack, .ss_size = sizeof(second_stack)};
    sigset_t caught;
    sigaltstack(&stack, NULL);
    sigemptyset(&caught);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        sigaddset(&caught, fatal[i]);
    pthread_sigmask(SIG_UNBLOCK, &caught, NULL); /* a blocked one would kill without the handler */
#endif
}

int quarantine_start(const char *dir, struct err *err)
{
    folder[0] = '\0';
    if (!dir)
        return 0;
    if (strlen(dir) + 80 > sizeof(folder))
        return err_set(err, ERR_ARG, "%s: the path is too long", dir);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "make the folder %s: %s", dir, strerror(errno));
    strcpy(folder, dir);
    quarantine_thread();
    return catch_signals(err);
}

/* -- reading -- */

static void take_value(const char *line, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    if (strncmp(line, key, n) == 0)
        snprintf(out, size, "%s", line + n);
}

/* A note that was cut short still says by its name whose it is. */
static int read_note(const char *dir, const char *name, struct quarantine_entry *e, struct err *err)
{
    char path[PATH_MAX], text[NOTE_BYTES + 1], at[24] = "", number[24] = "";
    *e = (struct quarantine_entry){.command = "?", .reason = "?"};
    strcpy(e->plugin, name);
    if (!make_path(path, dir, name))
        return err_set(err, ERR_ARG, "%s/%s: the path is too long", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, NOTE_BYTES);
    int rv = len < 0 ? err_set(err, ERR_IO, "read %s: %s", path, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    if (rv != 0)
        return rv;
    text[len] = '\0';
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        take_value(line, "command=", e->command, sizeof(e->command));
        take_value(line, "reason=", e->reason, sizeof(e->reason));
        take_value(line, "at=", at, sizeof(at));
        take_value(line, "generation=", number, sizeof(number));
    }
    e->at_ms = strtoll(at, NULL, 10);
    e->generation = strtoll(number, NULL, 10);
    return 0;
}

bool quarantine_is_older(const struct quarantine_entry *note, int64_t number, int64_t at_ms)
{
    return note->generation ? note->generation < number : note->at_ms <= at_ms;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct quarantine_entry *)a)->plugin, ((const struct quarantine_entry *)b)->plugin);
}

int quarantine_read(const char *dir, struct quarantine_entry **out, int *count, struct err *err)
{
    *out = NULL;
    *count = 0;
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "read the folder %s: %s", dir, strerror(errno));
    int rv = 0;
    for (struct dirent *entry; rv == 0 && (entry = readdir(d));) {
        if (!is_plugin(entry->d_name))
            continue;
        *out = mem_realloc(*out, (size_t)(*count + 1) * sizeof(**out));
        rv = read_note(dir, entry->d_name, &(*out)[*count], err);
        *count += rv == 0;
    }
    closedir(d);
    if (rv == 0 && *count > 0) {
        qsort(*out, (size_t)*count, sizeof(**out), by_name);
    } else if (rv != 0) {
        free(*out);
        *out = NULL;
        *count = 0;
    }
    return rv;
}

int quarantine_clear(const char *dir, const char *plugin, struct err *err)
{
    char path[PATH_MAX];
    if (!is_plugin(plugin) || !make_path(path, dir, plugin) || (unlink(path) != 0 && errno == ENOENT))
        return err_set(err, ERR_NOTFOUND, "plugin %s is not in quarantine", plugin);
    if (access(path, F_OK) == 0)
        return err_set(err, ERR_IO, "remove %s: %s", path, strerror(errno));
    sync_folder(dir);
    return 0;
}
