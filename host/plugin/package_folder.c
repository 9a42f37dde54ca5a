#include "plugin/package.h"

#include "tls/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder against the list it came with: the same list is made of it, and the first difference is told. */

enum { PATH_BYTES = 1200, DEPTH_MAX = 16 };

struct listing {
    char *lines[PACKAGE_FILES_MAX + 1]; /* "hash  plugin/name" */
    int count;
};

static int changed(struct err *err, const char *what, const char *line, size_t len)
{
    return err_rule(err, ERR_CONFLICT, "package.changed", NULL, "%s since it was installed: %.*s", what,
                    len > 66 ? (int)(len - 66) : 0, line + (len > 66 ? 66 : 0));
}

static int add_file(struct listing *l, const char *path, const char *name, struct err *err)
{
    unsigned char hash[32];
    char hex[65], chunk[65536];
    struct buf bytes = {0}, line = {0};
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n = -1;
    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0 && bytes.len <= PACKAGE_FILE_MAX)
        buf_append(&bytes, chunk, (size_t)n);
    if (fd >= 0)
        close(fd);
    struct slice view = buf_view(&bytes);
    sha256(&view, 1, hash);
    hex_encode(hash, sizeof(hash), hex);
    buf_close(&bytes);
    buf_fmt(&line, "%s  plugin/%s", hex, name);
    int rv = 0;
    if (n != 0 || l->count == PACKAGE_FILES_MAX)
        rv = changed(err, "cannot be read, or is too much", buf_cstr(&line), line.len);
    else
        l->lines[l->count++] = mem_dup(buf_cstr(&line));
    buf_close(&line);
    return rv;
}

static int list_folder(struct listing *l, const char *dir, const char *below, int depth, struct err *err)
{
    char path[PATH_BYTES], name[PATH_BYTES];
    DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
    int rv = d ? 0
               : err_rule(err, ERR_CONFLICT, "package.changed", NULL, "the folder %s cannot be read: %s", dir,
                          strerror(errno));
    for (struct dirent *e; d && rv == 0 && (e = readdir(d));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s%s", below, e->d_name);
        if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= PATH_BYTES - 2 || lstat(path, &st) != 0)
            rv = err_rule(err, ERR_CONFLICT, "package.changed", NULL, "%s cannot be looked at", name);
        else if (S_ISDIR(st.st_mode) && snprintf(name, sizeof(name), "%s%s/", below, e->d_name) < PATH_BYTES)
            rv = list_folder(l, path, name, depth + 1, err);
        else
            rv = add_file(l, path, name, err);
    }
    if (d)
        closedir(d);
    return rv;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a + 66, *(char *const *)b + 66);
}

static int compare_line(const char *have, struct slice want, struct err *err)
{
    struct slice got = slice_of(have ? have : "");
    if (slice_eq(got, want))
        return 0;
    struct slice got_name = {got.data + (got.len > 66 ? 66 : got.len), got.len > 66 ? got.len - 66 : 0};
    struct slice name = {want.data + (want.len > 66 ? 66 : want.len), want.len > 66 ? want.len - 66 : 0};
    if (slice_eq(got_name, name))
        return changed(err, "a file was changed", want.data, want.len);
    size_t n = got_name.len < name.len ? got_name.len : name.len;
    int order = got_name.len && name.len ? memcmp(got_name.data, name.data, n) : got_name.len ? -1 : 1;
    return order < 0 ? changed(err, "a file has come", got.data, got.len)
                     : changed(err, "a file is missing", want.data, want.len);
}

int package_verify_folder(const char *dir, struct slice sums, struct err *err)
{
    struct listing *l = mem_zalloc(sizeof(*l));
    int rv = list_folder(l, dir, "", 0, err);
    if (rv == 0 && l->count > 1)
        qsort(l->lines, (size_t)l->count, sizeof(*l->lines), by_name);
    int nth = 0;
    for (; rv == 0 && sums.len; nth++) {
        const char *end = memchr(sums.data, '\n', sums.len);
        struct slice line = {sums.data, end ? (size_t)(end - sums.data) : sums.len};
        rv = compare_line(nth < l->count ? l->lines[nth] : NULL, line, err);
        sums.data += line.len + (end != NULL);
        sums.len -= line.len + (end != NULL);
    }
    if (rv == 0 && nth < l->count)
        rv = changed(err, "a file has come", l->lines[nth], strlen(l->lines[nth]));
    for (int i = 0; i < l->count; i++)
        free(l->lines[i]);
    free(l);
    return rv;
}

static bool has_ended(const char *number)
{
    char *end;
    const long pid = strtol(number, &end, 10);
    return pid > 0 && *end == '-' && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

int folder_stale(const char *dir, const char *prefix, bool remove)
{
    DIR *d = opendir(dir);
    int count = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        struct err ignored = {0};
        char path[PATH_BYTES];
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || !has_ended(e->d_name + strlen(prefix)) ||
            snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= PATH_BYTES || lstat(path, &st) != 0 ||
            !S_ISDIR(st.st_mode) || st.st_uid != getuid())
            continue;
        count++;
        if (remove)
            folder_remove(path, &ignored);
    }
    if (d)
        closedir(d);
    return count;
}
