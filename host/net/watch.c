#include "net/watch.h"

#include "base/buf.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One uv_fs_event a folder, for inotify does not go down by itself; whenever something happens, new folders are added
 * and those that are gone dropped. Editors save in many ways (in place, by a second file and a rename, with a backup),
 * so an event only starts a timer, and the next one starts it again: what is saved together is told once. */

enum { FOLDERS_MAX = 200, DEPTH_MAX = 3, PATH_BYTES = 1024, NAME_BYTES = 256 };

struct folder {
    uv_fs_event_t event;
    struct watch *watch;
    char *path;
    ino_t inode; /* the same path may become another folder */
    bool seen;
};

struct watch {
    uv_loop_t *loop;
    uv_timer_t timer;
    char *root;
    const char *const *endings;
    int quiet_ms, handles;
    void (*changed)(void *arg, const char *name, uint64_t at_ms);
    void *arg;
    struct folder *folders[FOLDERS_MAX];
    int count;
    bool told_full;
    char name[NAME_BYTES]; /* of the first file saved since the last time it was told */
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

static void notice(struct watch *w, const char *name)
{
    if (!w->name[0]) {
        snprintf(w->name, sizeof(w->name), "%s", name);
        w->first_ms = uv_now(w->loop);
    }
}

static void tell(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    char name[NAME_BYTES];
    scan(w);
    snprintf(name, sizeof(name), "%s", w->name);
    w->name[0] = '\0';
    if (name[0])
        w->changed(w->arg, name, w->first_ms);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    const struct folder *f = event->data;
    struct watch *w = f->watch;
    (void)events;
    if (status == 0 && name && is_source(w, name))
        notice(w, name);
    else if (status == 0 && name && strchr(name, '.'))
        return; /* what is none of ours, such as objects and backups; a name without a dot may be a folder */
    uv_timer_start(&w->timer, tell, (uint64_t)w->quiet_ms, 0);
}

/* -- which folders -- */

static struct folder *find(const struct watch *w, const char *path, ino_t inode)
{
    for (int i = 0; i < w->count; i++)
        if (w->folders[i]->inode == inode && strcmp(w->folders[i]->path, path) == 0)
            return w->folders[i];
    return NULL;
}

/* A folder that came with files in it is a change. */
static void notice_all(struct watch *w, const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_source(w, e->d_name))
            notice(w, e->d_name);
    if (d)
        closedir(d);
}

static void add(struct watch *w, const char *path, ino_t inode)
{
    struct folder *f = find(w, path, inode);
    if (!f && w->count == FOLDERS_MAX && !w->told_full) {
        w->told_full = true;
        log_warn("dev", "only %d folders are watched; those of %s and further ones are not", FOLDERS_MAX, path);
    }
    if (!f && w->count < FOLDERS_MAX) {
        f = mem_zalloc(sizeof(*f));
        f->watch = w;
        f->path = mem_dup(path);
        f->inode = inode;
        uv_fs_event_init(w->loop, &f->event);
        f->event.data = f;
        uv_unref((uv_handle_t *)&f->event);
        w->handles++;
        w->folders[w->count++] = f;
        if (uv_fs_event_start(&f->event, on_event, path, 0) != 0)
            log_warn("dev", "%s cannot be watched", path);
        notice_all(w, path);
    }
    if (f)
        f->seen = true;
}

static void descend(struct watch *w, const char *path, ino_t inode, int depth)
{
    struct stat st;
    add(w, path, inode);
    DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[PATH_BYTES];
        if (e->d_name[0] != '.' && snprintf(below, sizeof(below), "%s/%s", path, e->d_name) < PATH_BYTES &&
            stat(below, &st) == 0 && S_ISDIR(st.st_mode))
            descend(w, below, st.st_ino, depth + 1);
    }
    if (d)
        closedir(d);
}

static void scan(struct watch *w)
{
    struct stat st;
    for (int i = 0; i < w->count; i++)
        w->folders[i]->seen = false;
    if (stat(w->root, &st) == 0)
        descend(w, w->root, st.st_ino, 0);
    for (int i = w->count - 1; i >= 0; i--) {
        struct folder *f = w->folders[i];
        if (f->seen)
            continue;
        notice(w, "a folder that is gone");
        w->folders[i] = w->folders[--w->count];
        uv_close((uv_handle_t *)&f->event, folder_closed);
    }
}

int watch_open(uv_loop_t *loop, const char *dir, const char *const *endings, int quiet_ms,
               void (*changed)(void *arg, const char *name, uint64_t at_ms), void *arg, struct watch **out,
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
    w->name[0] = '\0'; /* what is there now is no news */
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
