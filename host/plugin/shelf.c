#include "plugin/shelf.h"

#include "base/crashpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing appears on the shelf but by one rename of a folder that is complete and on the disk; nothing on it is ever
 * changed. So whatever is there under its own name can be believed, and what a crash left behind is in tmp, which the next
 * start empties, or is a folder that no generation names, which shelf_tidy removes. */

static int path_of(char out[SHELF_PATH_BYTES], struct err *err, const char *dir, const char *name)
{
    return snprintf(out, SHELF_PATH_BYTES, "%s/%s", dir, name) < SHELF_PATH_BYTES
               ? 0
               : err_set(err, ERR_ARG, "%.200s/…: path too long", dir);
}

static int make_dir(const char *path, struct err *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return err_set(err, ERR_IO, "make the folder %s: %s", path, strerror(errno));
}

static int sync_dir(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv = fd < 0 || fsync(fd) != 0 ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    return rv;
}

int shelf_open(const char *data_dir, struct err *err)
{
    char plugins[SHELF_PATH_BYTES], tmp[SHELF_PATH_BYTES];
    int rv = path_of(plugins, err, data_dir, "plugins");
    if (rv == 0)
        rv = path_of(tmp, err, plugins, "tmp");
    if (rv == 0)
        rv = make_dir(plugins, err);
    if (rv == 0 && access(tmp, F_OK) == 0)
        rv = folder_remove(tmp, err);
    return rv == 0 ? make_dir(tmp, err) : rv;
}

int shelf_tmp(const char *data_dir, const char *what, char out[SHELF_PATH_BYTES], struct err *err)
{
    static atomic_int given;
    char name[128], tmp[SHELF_PATH_BYTES];
    int rv = path_of(tmp, err, data_dir, "plugins");
    if (rv == 0)
        rv = make_dir(tmp, err);
    if (rv == 0)
        rv = path_of(tmp, err, data_dir, "plugins/tmp");
    if (rv == 0)
        rv = make_dir(tmp, err);
    snprintf(name, sizeof(name), "%s-%d-%d", what, (int)getpid(), atomic_fetch_add(&given, 1));
    return rv == 0 ? path_of(out, err, tmp, name) : rv;
}

int shelf_folder(const struct package_info *info, char out[SHELF_PATH_BYTES], struct err *err)
{
    (void)err;
    snprintf(out, SHELF_PATH_BYTES, "plugins/%s/%s-%.12s", info->name, info->version, info->hash);
    return 0;
}

/* Move the unpacked folder to its place and see that it is on the disk there. */
static int place(const char *data_dir, const char *from, const char *name, const char *folder, struct err *err)
{
    char plugins[SHELF_PATH_BYTES], own[SHELF_PATH_BYTES], to[SHELF_PATH_BYTES];
    int rv = path_of(plugins, err, data_dir, "plugins");
    if (rv == 0)
        rv = path_of(own, err, plugins, name);
    if (rv == 0)
        rv = path_of(to, err, data_dir, folder);
    if (rv == 0)
        rv = make_dir(own, err);
    if (rv == 0)
        rv = sync_dir(plugins, err);
    if (rv == 0 && rename(from, to) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
    if (rv == 0)
        rv = sync_dir(own, err);
    if (rv == 0)
        crash_point("package on the shelf");
    return rv;
}

/* What stands there already: 1 as it should, 0 not there, or an error. */
static int look(const char *data_dir, const char *folder, struct slice sums, bool keep, struct err *err)
{
    char path[SHELF_PATH_BYTES];
    int rv = path_of(path, err, data_dir, folder);
    if (rv != 0 || access(path, F_OK) != 0)
        return rv;
    struct err why = {0};
    if (package_verify_folder(path, sums, &why) == 0)
        return 1;
    if (keep)
        return err_rule(err, ERR_CONFLICT, "package.changed", NULL,
                        "this package runs, but its files on the shelf were changed; start the server "
                        "again, which leaves it out, and install it anew: %.300s",
                        why.text);
    return folder_remove(path, err);
}

int shelf_put(const char *data_dir, struct slice package, bool need_signature,
              bool (*keep)(void *arg, const char *folder), void *arg, struct package_info *info,
              char folder[SHELF_PATH_BYTES], bool *fresh, struct err *err)
{
    char tmp[SHELF_PATH_BYTES], keys[SHELF_PATH_BYTES];
    *fresh = false;
    int rv = shelf_tmp(data_dir, "package", tmp, err);
    if (rv == 0)
        rv = path_of(keys, err, data_dir, "keys");
    if (rv == 0)
        rv = package_unpack(package, keys, need_signature, tmp, info, err);
    if (rv != 0)
        return rv;
    crash_point("package unpacked");
    rv = shelf_folder(info, folder, err);
    if (rv == 0)
        rv = look(data_dir, folder, buf_view(&info->sums), keep && keep(arg, folder), err);
    if (rv == 0) {
        rv = place(data_dir, tmp, info->name, folder, err);
        *fresh = rv == 0;
    }
    struct err ignored = {0};
    if (!*fresh)
        folder_remove(tmp, &ignored);
    return rv < 0 ? rv : 0;
}

int shelf_remove(const char *data_dir, const char *folder, struct err *err)
{
    char path[SHELF_PATH_BYTES];
    int rv = path_of(path, err, data_dir, folder);
    if (rv == 0 && access(path, F_OK) == 0)
        rv = folder_remove(path, err);
    char *slash = strrchr(path, '/');
    if (rv == 0 && slash) {
        *slash = '\0';
        rmdir(path); /* only when it is empty */
    }
    if (rv == 0)
        crash_point("folder off the shelf");
    return rv;
}

/* -- tidying -- */

static int tidy_name(const char *data_dir, const char *name, bool (*keep)(void *arg, const char *folder), void *arg,
                     struct err *err)
{
    char own[SHELF_PATH_BYTES], folder[SHELF_PATH_BYTES];
    snprintf(folder, sizeof(folder), "plugins/%.200s", name);
    int rv = path_of(own, err, data_dir, folder);
    DIR *d = rv == 0 ? opendir(own) : NULL;
    for (struct dirent *e; d && rv == 0 && (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
            continue; /* somebody else's */
        snprintf(folder, sizeof(folder), "plugins/%.200s/%.300s", name, e->d_name);
        if (!keep(arg, folder))
            rv = shelf_remove(data_dir, folder, err);
    }
    if (d)
        closedir(d);
    return rv;
}

int shelf_tidy(const char *data_dir, bool (*keep)(void *arg, const char *folder), void *arg, struct err *err)
{
    char plugins[SHELF_PATH_BYTES];
    int rv = path_of(plugins, err, data_dir, "plugins");
    DIR *d = rv == 0 ? opendir(plugins) : NULL;
    for (struct dirent *e; d && rv == 0 && (e = readdir(d));)
        if (e->d_name[0] != '.' && strcmp(e->d_name, "tmp") != 0)
            rv = tidy_name(data_dir, e->d_name, keep, arg, err);
    if (d)
        closedir(d);
    return rv;
}

/* -- small files -- */

static bool says(const char *path, struct slice text)
{
    struct stat st;
    FILE *f = stat(path, &st) == 0 && (size_t)st.st_size == text.len ? fopen(path, "rbe") : NULL;
    if (!f)
        return false;
    char *now = mem_alloc(text.len + 1);
    bool same = fread(now, 1, text.len, f) == text.len && memcmp(now, text.data, text.len) == 0;
    free(now);
    fclose(f);
    return same;
}

static int write_new(const char *path, struct slice text, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rv = 0;
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    errno = 0; /* a short write says nothing there */
    if (write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, errno ? strerror(errno) : "the disk is full");
    close(fd);
    return rv;
}

int shelf_write(const char *data_dir, const char *name, struct slice text, struct err *err)
{
    char path[SHELF_PATH_BYTES], tmp[SHELF_PATH_BYTES] = "";
    int rv = path_of(path, err, data_dir, name);
    if (rv != 0 || says(path, text))
        return rv;
    rv = shelf_tmp(data_dir, SHELF_HALF, tmp, err);
    if (rv == 0)
        rv = write_new(tmp, text, err);
    if (rv == 0)
        crash_point("file written");
    if (rv == 0 && rename(tmp, path) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (rv != 0)
        unlink(tmp);                  /* half a file, of a disk that is full perhaps */
    char *slash = strrchr(path, '/'); /* the folder that it is in */
    *slash = '\0';
    if (rv == 0)
        rv = sync_dir(path, err);
    if (rv == 0)
        crash_point("file in its place");
    return rv;
}
