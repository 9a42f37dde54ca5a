#include "plugin/capsule.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a capsule is made, and its file. Lanes do this while others wait for them, so little of it is done: a few
 * capsules in a minute, one of each fault, and nothing waits for the disk. A power cut may lose one.
 *
 * The names sort by time, so that the oldest are easily found when there are too many. */

enum { PATH_BYTES = 1400, NAME_BYTES = 300 };

static char folder[1024];
static atomic_int count;
static _Atomic uint64_t minute;                   /* that the following are of */
static _Atomic uint64_t recent[CAPSULE_A_MINUTE]; /* faults of which one was made; 0: room */

static int is_capsule(const struct dirent *d)
{
    const char *end = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && end && strcmp(end, ".capsule") == 0;
}

static int is_left_over(const struct dirent *d)
{
    const char *end = strrchr(d->d_name, '.');
    return end && strcmp(end, ".tmp") == 0;
}

/* Remove all but the last `kept` of those that `choose` chooses. */
static void tidy(int (*choose)(const struct dirent *), int kept)
{
    struct dirent **list;
    char path[PATH_BYTES];
    int n = scandir(folder, &list, choose, alphasort);
    for (int i = 0; i < n; i++) {
        if (i < n - kept && snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name) < (int)sizeof(path))
            unlink(path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

void capsule_start(const char *data)
{
    folder[0] = '\0';
    if (data && snprintf(folder, sizeof(folder), "%s/capsules", data) >= (int)sizeof(folder))
        folder[0] = '\0';
    for (int i = 0; i < CAPSULE_A_MINUTE; i++)
        atomic_store(&recent[i], 0);
    if (folder[0])
        tidy(is_left_over, 0);
}

/* -- whether -- */

static bool takes_secret(const struct command *c)
{
    for (int i = 0; c && i < c->nargs; i++)
        if (c->args[i].secret)
            return true;
    return false;
}

static const char *name_of(const struct remote_task *task)
{
    return task->command ? task->command->name : task->figure->name;
}

/* The same for the same fault. Source: Fowler, Noll, Vo, FNV-1a. */
static uint64_t number_of(const char *command, const char *text)
{
    uint64_t n = 0xcbf29ce484222325;
    for (; *command; command++)
        n = (n ^ (unsigned char)*command) * 0x100000001b3;
    for (; *text; text++)
        n = (n ^ (unsigned char)*text) * 0x100000001b3;
    return n ? n : 1;
}

/* Is there room in this minute, and is this fault new in it? Two lanes at the turn of a minute may both find room. */
static bool take_place(uint64_t fault)
{
    const uint64_t now = clock_mono_ns() / 60000000000 + 1;
    if (atomic_exchange(&minute, now) != now)
        for (int i = 0; i < CAPSULE_A_MINUTE; i++)
            atomic_store(&recent[i], 0);
    for (int i = 0; i < CAPSULE_A_MINUTE; i++) {
        uint64_t none = 0;
        if (atomic_load(&recent[i]) == fault)
            return false;
        if (atomic_compare_exchange_strong(&recent[i], &none, fault))
            return true;
    }
    return false;
}

bool capsule_wanted(const struct remote_task *task, const struct err *err)
{
    if (!folder[0] || err->code != ERR_INTERNAL ||
        strcmp(task->command ? task->command->plugin : task->figure->plugin, "muster") == 0)
        return false;
    /* What it was given may be made of the secret of whoever calls it. */
    for (const struct call *outer = task->call->outer; outer; outer = outer->outer)
        if (takes_secret(outer->declared))
            return false;
    return take_place(number_of(name_of(task), err->text));
}

bool capsule_may_listen(const struct remote_task *task, const struct err *err)
{
    return !takes_secret(task->command) && strcmp(err->rule, "plugin.crashed") != 0;
}

/* -- the file -- */

static int put_file(const char *path, const struct buf *bytes)
{
    char tmp[PATH_BYTES + 4];
    snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int rv = write(fd, bytes->data, bytes->len) == (ssize_t)bytes->len ? 0 : errno ? errno : ENOSPC;
    close(fd);
    if (rv == 0 && rename(tmp, path) != 0)
        rv = errno;
    if (rv != 0)
        unlink(tmp);
    return rv;
}

/* 20261124T124500.123Z */
static void put_time(int64_t ms, char out[32])
{
    char iso[36];
    int n = 0;
    clock_format_instant(ms / 1000 * 1000, 0, iso);
    for (const char *p = iso; *p && *p != 'Z' && n < 20; p++)
        if (*p != '-' && *p != ':')
            out[n++] = *p;
    snprintf(out + n, 8, ".%03dZ", (int)(ms % 1000));
}

void capsule_make(struct runtime *rt, const struct registry *registry, const struct remote_task *task,
                  const struct err *err)
{
    const int64_t at = clock_now_ms();
    struct buf bytes = {0};
    char path[PATH_BYTES], name[NAME_BYTES], time[32];
    int rv = capsule_record(rt, registry, task, err, at, &bytes);
    put_time(at, time);
    snprintf(name, sizeof(name), "%s-%.200s-%d.capsule", time, name_of(task), atomic_fetch_add(&count, 1) + 1);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    mkdir(folder, 0700);
    errno = 0;
    int failed = rv == 0 ? put_file(path, &bytes) : EFBIG;
    buf_close(&bytes);
    if (failed) {
        log_error("capsule", "%s: %s", path, strerror(failed));
        return;
    }
    log_warn("capsule", "%s failed; `muster plugin replay %s` plays it again", name_of(task), path);
    tidy(is_capsule, CAPSULE_KEPT);
}
