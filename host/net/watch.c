#include "net/watch.h"

#include "base/buf.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One uv_fs_event a folder, for inotify does not go down by itself. Editors save in many ways (in place, by a second file
 * and a rename, with a backup), so an event only starts a timer, and the next one starts it again: what is saved
 * together is told once.
 *
 * inotify follows a folder, not its path, and is silent once the folder was deleted; another one of the same path may
 * have its inode number. So whenever something happens, all are watched anew, before the old watches end: nothing is
 * missed in between. While the root is not there nobody could tell that it is back, and it is looked for by the clock. */

enum { FOLDERS_MAX = 200, DEPTH_MAX = 3, PATH_BYTES = 1024, TEXT_BYTES = 300, MISSING_MS = 1000 };

struct folder {
    uv_fs_event_t event;
    struct watch *watch;
    char *path;
    ino_t inode; /* the same path may become another folder, with other files */
};

struct watch {
    uv_loop_t *loop;
    uv_timer_t timer;
    char *root;
    const char *const *endings;
    int quiet_ms, handles;
    void (*changed)(void *arg, const char *what, uint64_t at_ms);
    void *arg;
    struct folder *folders[FOLDERS_MAX];
    int count; /* 0: the root is not there */
    bool told_full;
    char path[PATH_BYTES]; /* the first that something happened to since the last time it was told; "": nothing did */
    bool came_back;        /* it is the root */
    uint64_t first_ms;
};

static void unhold(struct watch *w)
{
    if (--w->handles > 0)
        return;
    free(w->root);
    free(w);
}

static void folder_closed(uv_handle_t *handle)
{
    struct folder *f = handle->data;
    struct watch *w = f->watch;
    free(f->path);
    free(f);
    unhold(w);
}

static void timer_closed(uv_handle_t *handle)
{
    unhold(handle->data);
}

static void scan(struct watch *w);

static bool is_source(const struct watch *w, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *e = w->endings; name[0] != '.' && *e; e++)
        if (len > strlen(*e) && strcmp(name + len - strlen(*e), *e) == 0)
            return true;
    return false;
}

/* The last part of a path, as libuv names a watched folder itself. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void notice(struct watch *w, const char *dir, const char *name)
{
    if (w->path[0])
        return;
    snprintf(w->path, sizeof(w->path), "%s%s%s", dir, name ? "/" : "", name ? name : "");
    w->first_ms = uv_now(w->loop);
}

/* What became of it is seen when all is quiet: editors delete files only to write them again. */
static void tell(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    char what[TEXT_BYTES];
    struct stat st;
    scan(w);
    if (w->count == 0)
        uv_timer_start(&w->timer, tell, MISSING_MS, 0);
    if (!w->path[0])
        return;
    snprintf(what, sizeof(what), "%.255s %s", name_of(w->path),
             stat(w->path, &st) != 0 ? "was deleted"
             : w->came_back          ? "came back"
                                     : "was saved");
    w->path[0] = '\0';
    w->came_back = false;
    w->changed(w->arg, what, w->first_ms);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    const struct folder *f = event->data;
    struct watch *w = f->watch;
    (void)events;
    if (status == 0 && name && is_source(w, name))
        notice(w, f->path, name);
    else if (status == 0 && name && strchr(name, '.') && strcmp(name, name_of(f->path)) != 0)
        return; /* what is none of ours, such as objects and backups; a name without a dot may be a folder */
    uv_timer_start(&w->timer, tell, (uint64_t)w->quiet_ms, 0);
}

/* -- which folders -- */

/* What was watched before the scan. */
struct before {
    struct folder *folders[FOLDERS_MAX];
    int count;
};

static struct folder *find(struct folder *const *folders, int count, const char *path)
{
    for (int i = 0; i < count; i++)
        if (strcmp(folders[i]->path, path) == 0)
            return folders[i];
    return NULL;
}

/* A folder that came with files in it is a change. */
static void notice_all(struct watch *w, const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_source(w, e->d_name))
            notice(w, path, e->d_name);
    if (d)
        closedir(d);
}

static void add(struct watch *w, const struct before *before, const char *path, ino_t inode)
{
    if (w->count == FOLDERS_MAX) {
        if (!w->told_full)
            log_warn("dev", "only %d folders are watched; those of %s and further ones are not", FOLDERS_MAX, path);
        w->told_full = true;
        return;
    }
    struct folder *f = mem_zalloc(sizeof(*f));
    *f = (struct folder){.watch = w, .path = mem_dup(path), .inode = inode};
    uv_fs_event_init(w->loop, &f->event);
    f->event.data = f;
    uv_unref((uv_handle_t *)&f->event);
    w->handles++;
    int rv = uv_fs_event_start(&f->event, on_event, path, 0);
    if (rv != 0) {
        if (rv != UV_ENOENT)
            log_warn("dev", "%s cannot be watched: %s", path, uv_strerror(rv));
        uv_close((uv_handle_t *)&f->event, folder_closed);
        return;
    }
    w->folders[w->count++] = f;
    const struct folder *known = find(before->folders, before->count, path);
    if (!known || known->inode != inode)
        notice_all(w, path);
}

static void descend(struct watch *w, const struct before *before, const char *path, ino_t inode, int depth)
{
    struct stat st;
    add(w, before, path, inode);
    DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[PATH_BYTES];
        if (e->d_name[0] != '.' && snprintf(below, sizeof(below), "%s/%s", path, e->d_name) < PATH_BYTES &&
            stat(below, &st) == 0 && S_ISDIR(st.st_mode))
            descend(w, before, below, st.st_ino, depth + 1);
    }
    if (d)
        closedir(d);
}

static void scan(struct watch *w)
{
    struct before before = {.count = w->count};
    struct stat st;
    memcpy(before.folders, w->folders, sizeof(before.folders));
    w->count = 0;
    if (stat(w->root, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (before.count == 0) {
            notice(w, w->root, NULL);
            w->came_back = true;
        }
        descend(w, &before, w->root, st.st_ino, 0);
    }
    for (int i = 0; i < before.count; i++) {
        struct folder *f = before.folders[i];
        if (!find(w->folders, w->count, f->path))
            notice(w, f->path, NULL);
        uv_close((uv_handle_t *)&f->event, folder_closed);
    }
}

int watch_open(uv_loop_t *loop, const char *dir, const char *const *endings, int quiet_ms,
               void (*changed)(void *arg, const char *what, uint64_t at_ms), void *arg, struct watch **out,
               struct err *err)
{
    struct stat st;
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "%s: %s", dir, S_ISDIR(st.st_mode) ? strerror(errno) : "it is no folder");
    struct watch *w = mem_zalloc(sizeof(*w));
    *w = (struct watch){.loop = loop, .endings = endings, .quiet_ms = quiet_ms, .changed = changed, .arg = arg};
    uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    w->handles = 1;
    uv_unref((uv_handle_t *)&w->timer);
    w->root = mem_dup(dir);
    scan(w);
    if (w->count == 0) {
        watch_close(w);
        return err_set(err, ERR_IO, "%s cannot be watched", dir);
    }
    w->path[0] = '\0'; /* what is there now is no news */
    w->came_back = false;
    *out = w;
    return 0;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->count; i++)
        uv_close((uv_handle_t *)&w->folders[i]->event, folder_closed);
    uv_close((uv_handle_t *)&w->timer, timer_closed);
}
