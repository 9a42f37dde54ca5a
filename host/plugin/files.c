#include "plugin/catalog.h"

#include "tls/random.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A plugin's folder, read once: *.lua (modules), migrations/NNN_words.sql, locale/zh-CN.lua. Its hash covers manifest,
 * modules, locale and migrations, each as name, length and bytes, in order of names: what runs, not what merely lies
 * beside it. */

enum { PATH_BYTES = 1024, FILES_MAX = 200 };

static int join(char out[PATH_BYTES], const char *dir, const char *name, struct err *err)
{
    int len = snprintf(out, PATH_BYTES, "%s/%s", dir, name);
    return len < 0 || len >= PATH_BYTES ? err_set(err, ERR_ARG, "%s/%s: path too long", dir, name) : 0;
}

static int read_file(struct arena *a, const char *path, struct slice *out, struct err *err)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    char *bytes = mem_alloc(SOURCE_BYTES_MAX + 1);
    size_t len = fread(bytes, 1, SOURCE_BYTES_MAX + 1, f);
    int rv = 0;
    if (ferror(f))
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    else if (len > SOURCE_BYTES_MAX)
        rv = err_set(err, ERR_TOOBIG, "%s: a plugin's file has at most %d bytes", path, SOURCE_BYTES_MAX);
    else
        *out = (struct slice){arena_text(a, (struct slice){bytes, len}), len};
    free(bytes);
    fclose(f);
    return rv;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* Names in `dir` that end in `end` ("" for all but hidden ones), sorted. A folder that is not there is empty if
 * `may_miss`. */
static int list_names(struct arena *a, const char *dir, const char *end, bool may_miss, struct vec *names,
                      struct err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return may_miss && errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    int rv = 0;
    for (struct dirent *entry; rv == 0 && (entry = readdir(d));) {
        if (entry->d_name[0] == '.' || (*end && !ends_with(entry->d_name, end)))
            continue;
        if (names->count == FILES_MAX)
            rv = err_set(err, ERR_TOOBIG, "%s: more than %d files", dir, FILES_MAX);
        else
            vec_push(names, (void *)(uintptr_t)arena_text(a, slice_of(entry->d_name)));
    }
    closedir(d);
    if (names->count > 1)
        qsort(names->items, (size_t)names->count, sizeof(*names->items), by_text);
    return rv;
}

static bool name_is_module(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.data[i] >= 'a' && name.data[i] <= 'z') || (name.data[i] >= '0' && name.data[i] <= '9') ||
              name.data[i] == '_'))
            return false;
    return name.len > 0;
}

static int read_modules(struct arena *a, const char *dir, struct package *p, struct slice *manifest, struct err *err)
{
    struct vec names = {0};
    int rv = list_names(a, dir, ".lua", false, &names, err);
    p->sources = arena_alloc(a, (size_t)(names.count + 1) * sizeof(*p->sources));
    for (int i = 0; i < names.count && rv == 0; i++) {
        const char *file = names.items[i];
        struct slice name = {file, strlen(file) - 4}, text;
        char path[PATH_BYTES];
        rv = join(path, dir, file, err);
        if (rv == 0 && !name_is_module(name))
            rv = err_set(err, ERR_ARG, "%s: a module's file name is [a-z0-9_]+.lua", path);
        if (rv == 0)
            rv = read_file(a, path, &text, err);
        if (rv != 0)
            break;
        if (manifest && strcmp(file, "manifest.lua") == 0)
            *manifest = text;
        else
            p->sources[p->nsources++] = (struct source){arena_text(a, name), text};
    }
    free(names.items);
    return rv;
}

/* "012_words.sql" → 12; 0 when it is not of that form. */
static int migration_number(const char *file)
{
    for (int i = 0; i < 3; i++)
        if (file[i] < '0' || file[i] > '9')
            return 0;
    return file[3] == '_' ? atoi(file) : 0;
}

static int read_migrations(struct arena *a, const char *plugin_dir, struct package *p, struct err *err)
{
    char dir[PATH_BYTES], path[PATH_BYTES];
    struct vec names = {0};
    int rv = join(dir, plugin_dir, "migrations", err);
    if (rv == 0)
        rv = list_names(a, dir, ".sql", true, &names, err);
    p->migrations = arena_alloc(a, (size_t)(names.count + 1) * sizeof(*p->migrations));
    for (int i = 0; i < names.count && rv == 0; i++) {
        const char *file = names.items[i];
        struct migration *m = &p->migrations[i];
        m->number = migration_number(file);
        m->name = arena_text(a, (struct slice){file, strlen(file) - 4});
        rv = join(path, dir, file, err);
        if (rv == 0 && m->number != i + 1)
            rv = err_set(err, ERR_ARG,
                         "%s: migrations are NNN_words.sql, numbered from 001 without holes; %03d is missing", path,
                         i + 1);
        if (rv == 0)
            rv = read_file(a, path, &m->sql, err);
    }
    p->nmigrations = names.count;
    free(names.items);
    return rv;
}

static int read_locale(struct arena *a, const char *plugin_dir, struct package *p, struct err *err)
{
    char path[PATH_BYTES];
    int rv = join(path, plugin_dir, "locale/zh-CN.lua", err);
    struct stat st;
    p->locale = (struct source){"locale/zh-CN", {"", 0}};
    if (rv != 0 || stat(path, &st) != 0)
        return rv;
    return read_file(a, path, &p->locale.text, err);
}

static void hash_files(struct package *p, struct slice manifest)
{
    int files = 2 + p->nsources + p->nmigrations, n = 0;
    uint64_t *lens = mem_zalloc((size_t)files * sizeof(*lens));
    struct slice *parts = mem_zalloc((size_t)files * 3 * sizeof(*parts));
    int k = 0;
#define ADD(file_name, file_text)                                                                                      \
    do {                                                                                                               \
        lens[k] = (file_text).len;                                                                                     \
        parts[n++] = (struct slice){(file_name), strlen(file_name) + 1};                                               \
        parts[n++] = (struct slice){(const char *)&lens[k++], sizeof(*lens)};                                          \
        parts[n++] = (file_text);                                                                                      \
    } while (0)
    ADD("manifest", manifest);
    for (int i = 0; i < p->nsources; i++)
        ADD(p->sources[i].name, p->sources[i].text);
    ADD(p->locale.name, p->locale.text);
    for (int i = 0; i < p->nmigrations; i++)
        ADD(p->migrations[i].name, p->migrations[i].sql);
#undef ADD
    sha256(parts, n, p->plugin.hash);
    free(lens);
    free(parts);
}

int files_read(struct arena *a, const char *plugins_dir, const char *name, struct package *p, struct slice *manifest,
               struct err *err)
{
    char dir[PATH_BYTES];
    *manifest = (struct slice){"", 0};
    int rv = join(dir, plugins_dir, name, err);
    if (rv == 0)
        rv = read_modules(a, dir, p, manifest, err);
    if (rv == 0)
        rv = read_migrations(a, dir, p, err);
    if (rv == 0)
        rv = read_locale(a, dir, p, err);
    if (rv == 0)
        hash_files(p, *manifest);
    return rv;
}

int files_library(struct arena *a, const char *dir, struct package *p, struct err *err)
{
    int rv = read_modules(a, dir, p, NULL, err);
    if (rv == 0)
        rv = read_locale(a, dir, p, err);
    return rv;
}

int files_plugins(struct arena *a, const char *dir, struct vec *names, struct err *err)
{
    struct vec all = {0};
    int rv = list_names(a, dir, "", false, &all, err);
    for (int i = 0; i < all.count && rv == 0; i++) {
        char folder[PATH_BYTES], path[PATH_BYTES];
        struct stat st;
        rv = join(folder, dir, all.items[i], err);
        if (rv == 0)
            rv = join(path, folder, "manifest.lua", err);
        if (rv == 0 && stat(path, &st) == 0)
            vec_push(names, all.items[i]);
    }
    free(all.items);
    return rv;
}
