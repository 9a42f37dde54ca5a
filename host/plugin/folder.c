#include "plugin/package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removing a folder, by descriptors: a link put in its way is removed itself, and nothing behind it. */

enum { DEPTH_MAX = 64 };

static int fail(const char *name, struct err *err)
{
    return err_set(err, ERR_IO, "remove %s: %s", name, strerror(errno));
}

static int empty(int dir, const char *name, int depth, struct err *err);

static int remove_entry(int dir, const char *name, int depth, struct err *err)
{
    if (unlinkat(dir, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return fail(name, err);
    int rv = empty(dir, name, depth + 1, err);
    if (rv == 0 && unlinkat(dir, name, AT_REMOVEDIR) != 0)
        rv = fail(name, err);
    return rv;
}

static int empty(int parent, const char *name, int depth, struct err *err)
{
    int fd = depth < DEPTH_MAX ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return fail(name, err);
    int rv = 0;
    for (struct dirent *e; rv == 0 && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rv = remove_entry(dirfd(d), e->d_name, depth, err);
    closedir(d);
    return rv;
}

int folder_remove(const char *dir, struct err *err)
{
    int rv = empty(AT_FDCWD, dir, 0, err);
    if (rv == 0 && rmdir(dir) != 0)
        rv = fail(dir, err);
    return rv;
}
