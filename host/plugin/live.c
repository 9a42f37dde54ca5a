#include "plugin/live.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder is looked at anew each time: authors add, rename and remove plugins while the server runs. Whether what is in
 * it makes sense is for whoever loads it to say. */

static bool is_plugin(const char *folder)
{
    char path[LIVE_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/manifest.lua", folder);
    return access(path, F_OK) == 0;
}

static int is_c_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && dot != e->d_name && strcmp(dot, ".c") == 0;
}

static bool has_c_files(const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, is_c_file, NULL);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return count > 0;
}

static int add(struct live *l, const char *parent, const char *name, struct err *err)
{
    if (l->count == LIVE_PLUGINS_MAX)
        return err_rule(err, ERR_LIMIT, "live.many", NULL, "%s: more than %d plugins at once; move some away", parent,
                        LIVE_PLUGINS_MAX);
    struct live_plugin *p = &l->plugins[l->count];
    if (snprintf(p->name, sizeof(p->name), "%s", name) >= (int)sizeof(p->name) ||
        snprintf(p->folder, sizeof(p->folder), "%s/%s", parent, name) >= (int)sizeof(p->folder))
        return err_set(err, ERR_ARG, "%.200s/%.100s: the path is too long", parent, name);
    if (is_plugin(p->folder)) {
        p->c_files = has_c_files(p->folder);
        l->count++;
    }
    return 0;
}

static int add_all(struct live *l, const char *dir, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, NULL, alphasort), rv = 0;
    if (count < 0)
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (rv == 0 && names[i]->d_name[0] != '.')
            rv = add(l, dir, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    return rv;
}

int live_find(const char *dir, struct live *out, struct err *err)
{
    char path[PATH_MAX];
    out->count = 0;
    if (!realpath(dir, path) || strlen(path) >= LIVE_PATH_BYTES)
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    if (!is_plugin(path))
        return add_all(out, path, err);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    return add(out, path, slash + 1, err);
}
