#include "plugin/child_crash.h"

#include "base/buf.h"
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

/* One file for each crash, MILLISECONDS-NUMBER, with lines "key=value". The names sort by time, so that the oldest are
 * easily found when there are too many. */

enum { KEPT = 100, PATH_BYTES = 1200 };

static char folder[1024];
static atomic_int count;

void child_crash_start(const char *data)
{
    folder[0] = '\0';
    if (data && snprintf(folder, sizeof(folder), "%s/crashes", data) >= (int)sizeof(folder))
        folder[0] = '\0';
}

static int is_record(const struct dirent *d)
{
    return d->d_name[0] >= '0' && d->d_name[0] <= '9';
}

static void drop_oldest(void)
{
    struct dirent **list;
    char path[PATH_BYTES];
    int n = scandir(folder, &list, is_record, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%.100s", folder, list[i]->d_name);
        if (i < n - KEPT)
            unlink(path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

/* A value in one line. */
static void put(FILE *f, const char *key, const char *value)
{
    fprintf(f, "%s=", key);
    for (; *value; value++)
        fputc((unsigned char)*value < ' ' ? ' ' : *value, f);
    fputc('\n', f);
}

void child_crash_note(const struct child_crash *c)
{
    char path[PATH_BYTES];
    if (!folder[0])
        return;
    mkdir(folder, 0700);
    snprintf(path, sizeof(path), "%s/%013lld-%03d", folder, (long long)c->at_ms, atomic_fetch_add(&count, 1) % 1000);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        log_error("child", "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    fprintf(f, "at=%lld\n", (long long)c->at_ms);
    put(f, "plugin", c->plugin);
    put(f, "version", c->version);
    put(f, "command", c->command);
    put(f, "user", c->user);
    put(f, "how", c->how);
    if (fclose(f) != 0)
        log_error("child", "%s: %s", path, strerror(errno));
    drop_oldest();
}

/* -- reading -- */

static void take(struct child_crash *c, char *line)
{
    const struct {
        const char *key;
        char *to;
        size_t size;
    } rows[] = {{"plugin", c->plugin, sizeof(c->plugin)},
                {"version", c->version, sizeof(c->version)},
                {"command", c->command, sizeof(c->command)},
                {"user", c->user, sizeof(c->user)},
                {"how", c->how, sizeof(c->how)}};
    line[strcspn(line, "\n")] = '\0';
    char *value = strchr(line, '=');
    if (!value)
        return;
    *value++ = '\0';
    if (strcmp(line, "at") == 0)
        c->at_ms = strtoll(value, NULL, 10);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(line, rows[i].key) == 0)
            snprintf(rows[i].to, rows[i].size, "%s", value);
}

static bool read_one(const char *path, struct child_crash *c)
{
    char line[300];
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while (fgets(line, sizeof(line), f))
        take(c, line);
    fclose(f);
    return c->at_ms != 0;
}

int child_crash_read(const char *data, struct child_crash **out, int *found, struct err *err)
{
    struct dirent **list;
    char from[sizeof(folder)], path[PATH_BYTES];
    *out = NULL;
    *found = 0;
    if (snprintf(from, sizeof(from), "%s/crashes", data) >= (int)sizeof(from))
        return err_set(err, ERR_ARG, "%s: path too long", data);
    int n = scandir(from, &list, is_record, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", from, strerror(errno));
    *out = mem_zalloc((size_t)(n + 1) * sizeof(**out));
    for (int i = n; i-- > 0;) {
        snprintf(path, sizeof(path), "%s/%.100s", from, list[i]->d_name);
        *found += read_one(path, &(*out)[*found]);
        free(list[i]);
    }
    free(list);
    return 0;
}
