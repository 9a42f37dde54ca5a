#include "plugin/catalog.h"

#include "base/utf8.h"
#include "tls/random.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A plugin's folder, read once: *.lua (modules), migrations/NNN_words.sql and what undoes them, locale/zh-CN.lua. Its
 * hash covers manifest, modules, locale, migrations and the shared object, each as name, length and bytes, in order of
 * names: what runs, not what merely lies beside it. Of the shared object only the path is kept: native.c opens it. */

enum { PATH_BYTES = 1024, FILES_MAX = 200, OBJECT_BYTES_MAX = 64 * 1024 * 1024 };

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

/* In the words in which the file's other mistakes are told. */
static int refuse_text(const char *plugin, const char *file, int line, const char *why, struct err *err)
{
    const char *name = strrchr(file, '/');
    if (ends_with(file, ".sql"))
        return err_rule(err, ERR_ARG, "file.text", NULL, "migration %.*s of %s, line %d: %s", (int)strlen(name + 1) - 4,
                        name + 1, plugin, line, why);
    return err_rule(err, ERR_ARG, "file.text", NULL, "plugin %s, %s:%d: %s", plugin, file, line, why);
}

/* All of it is shown to people or sent to clients, whose protocol is UTF-8. */
static int check_text(const char *plugin, const char *file, struct slice text, struct err *err)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (text.len >= 3 && memcmp(text.data, bom, 3) == 0)
        return refuse_text(plugin, file, 1, "the file begins with a byte order mark; save it as UTF-8 without BOM",
                           err);
    if (utf8_valid(text))
        return 0;
    int line = 1;
    for (const char *p = text.data, *end = p + text.len, *stop; p < end; p = stop + 1, line++) {
        stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop || !utf8_valid((struct slice){p, (size_t)(stop - p)}))
            break;
    }
    return refuse_text(plugin, file, line, "the line is not UTF-8 text; save the file as UTF-8, not as GBK or the like",
                       err);
}

/* Read a text: `file` in the folder of the plugin, which is at `dir`. */
static int read_text(struct arena *a, const char *dir, const char *plugin, const char *file, struct slice *out,
                     struct err *err)
{
    char path[PATH_BYTES];
    int rv = join(path, dir, file, err);
    if (rv == 0)
        rv = read_file(a, path, out, err);
    return rv ? rv : check_text(plugin, file, *out, err);
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

#define DOWN ".down.sql"

static bool name_is_module(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.data[i] >= 'a' && name.data[i] <= 'z') || (name.data[i] >= '0' && name.data[i] <= '9') ||
              name.data[i] == '_'))
            return false;
    return name.len > 0;
}

static int read_modules(struct arena *a, const char *dir, const char *plugin, struct package *p, struct slice *manifest,
                        struct err *err)
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
            rv = read_text(a, dir, plugin, file, &text, err);
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

/* "NNN_words.down.sql" beside "NNN_words.sql": it may be missing, but has none of its own. */
static int read_down(struct arena *a, const char *plugin_dir, const char *plugin, struct migration *m, struct err *err)
{
    char file[PATH_BYTES], path[PATH_BYTES];
    struct stat st;
    snprintf(file, sizeof(file), "migrations/%s" DOWN, m->name);
    int rv = join(path, plugin_dir, file, err);
    return rv == 0 && stat(path, &st) == 0 ? read_text(a, plugin_dir, plugin, file, &m->down, err) : rv;
}

/* Take the names of down files out of the list; each must belong to a migration that is there. */
static int drop_downs(const char *dir, struct vec *names, struct err *err)
{
    int kept = 0;
    for (int i = 0; i < names->count; i++) {
        char *file = names->items[i];
        if (!ends_with(file, DOWN)) {
            names->items[kept++] = file;
            continue;
        }
        size_t n = strlen(file) - strlen(DOWN);
        bool found = false;
        for (int k = 0; k < names->count && !found; k++) {
            const char *other = names->items[k];
            found = strlen(other) == n + 4 && memcmp(other, file, n) == 0 && strcmp(other + n, ".sql") == 0;
        }
        if (!found)
            return err_set(err, ERR_ARG, "%s/%s: there is no migration %.*s.sql that it could undo", dir, file, (int)n,
                           file);
    }
    names->count = kept;
    return 0;
}

static int read_migrations(struct arena *a, const char *plugin_dir, const char *plugin, struct package *p,
                           struct err *err)
{
    char dir[PATH_BYTES], path[PATH_BYTES], below[PATH_BYTES];
    struct vec names = {0};
    int rv = join(dir, plugin_dir, "migrations", err);
    if (rv == 0)
        rv = list_names(a, dir, ".sql", true, &names, err);
    if (rv == 0)
        rv = drop_downs(dir, &names, err);
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
            rv = join(below, "migrations", file, err);
        if (rv == 0)
            rv = read_text(a, plugin_dir, plugin, below, &m->sql, err);
        if (rv == 0)
            rv = read_down(a, plugin_dir, plugin, m, err);
    }
    p->nmigrations = names.count;
    free(names.items);
    return rv;
}

static int read_locale(struct arena *a, const char *plugin_dir, const char *plugin, struct package *p, struct err *err)
{
    static const char file[] = "locale/zh-CN.lua";
    char path[PATH_BYTES];
    int rv = join(path, plugin_dir, file, err);
    struct stat st;
    p->locale = (struct source){"locale/zh-CN", {"", 0}};
    if (rv != 0 || stat(path, &st) != 0)
        return rv;
    return read_text(a, plugin_dir, plugin, file, &p->locale.text, err);
}

/* The whole shared object, for its hash. Caller frees `*out`. */
static int read_object(const char *path, struct slice *out, struct err *err)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    char *bytes = NULL;
    int rv = 0;
    *out = (struct slice){"", 0};
    if (!f)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fileno(f), &st) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_size > OBJECT_BYTES_MAX)
        rv = err_set(err, ERR_TOOBIG, "%s: a plugin's shared object is a file of at most %d MiB", path,
                     OBJECT_BYTES_MAX / (1024 * 1024));
    if (rv == 0) {
        bytes = mem_alloc((size_t)st.st_size + 1);
        size_t len = fread(bytes, 1, (size_t)st.st_size, f);
        *out = (struct slice){bytes, len};
        if (ferror(f))
            rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    fclose(f);
    if (rv != 0) {
        free(bytes);
        *out = (struct slice){"", 0};
    }
    return rv;
}

/* NAME.so, in the folder or where those of bundled plugins are. */
static int find_object(struct arena *a, const char *folder, const char *name, struct package *p, struct err *err)
{
    const char *const dirs[] = {folder, p->native_dir};
    for (int i = 0; i < 2 && dirs[i]; i++) {
        char path[PATH_BYTES];
        struct stat st;
        int len = snprintf(path, sizeof(path), "%s/%s.so", dirs[i], name);
        if (len < 0 || len >= PATH_BYTES)
            return err_set(err, ERR_ARG, "%s/%s.so: path too long", dirs[i], name);
        if (stat(path, &st) == 0) {
            p->object = arena_text(a, slice_of(path));
            return 0;
        }
    }
    return 0;
}

static void add_part(struct slice **parts, uint64_t **lens, const char *name, struct slice text)
{
    **lens = text.len;
    *(*parts)++ = (struct slice){name, strlen(name) + 1};
    *(*parts)++ = (struct slice){(const char *)*lens, sizeof(**lens)};
    *(*parts)++ = text;
    (*lens)++;
}

static int hash_files(struct package *p, struct slice manifest, struct err *err)
{
    struct slice object = {"", 0};
    int rv = p->object ? read_object(p->object, &object, err) : 0;
    if (rv != 0)
        return rv;
    int most = 3 + p->nsources + 2 * p->nmigrations;
    uint64_t *lens = mem_zalloc((size_t)most * sizeof(*lens)), *len = lens;
    struct slice *parts = mem_zalloc((size_t)most * 3 * sizeof(*parts)), *part = parts;
    add_part(&part, &len, "manifest", manifest);
    for (int i = 0; i < p->nsources; i++)
        add_part(&part, &len, p->sources[i].name, p->sources[i].text);
    add_part(&part, &len, p->locale.name, p->locale.text);
    for (int i = 0; i < p->nmigrations; i++) {
        add_part(&part, &len, p->migrations[i].name, p->migrations[i].sql);
        if (p->migrations[i].down.len)
            add_part(&part, &len, "down", p->migrations[i].down);
    }
    if (p->object)
        add_part(&part, &len, "object", object);
    sha256(parts, (int)(part - parts), p->plugin.hash);
    free(lens);
    free(parts);
    if (p->object)
        free((char *)(uintptr_t)object.data);
    return 0;
}

int files_read(struct arena *a, const char *plugins_dir, const char *name, struct package *p, struct slice *manifest,
               struct err *err)
{
    const char *plugin = p->plugin.name ? p->plugin.name : name; /* its folder may be called otherwise */
    char dir[PATH_BYTES];
    *manifest = (struct slice){"", 0};
    int rv = join(dir, plugins_dir, name, err);
    if (rv == 0)
        rv = read_modules(a, dir, plugin, p, manifest, err);
    if (rv == 0)
        rv = read_migrations(a, dir, plugin, p, err);
    if (rv == 0)
        rv = read_locale(a, dir, plugin, p, err);
    if (rv == 0)
        rv = find_object(a, dir, plugin, p, err);
    return rv ? rv : hash_files(p, *manifest, err);
}

int files_library(struct arena *a, const char *dir, struct package *p, struct err *err)
{
    int rv = read_modules(a, dir, "lib", p, NULL, err);
    if (rv == 0)
        rv = read_locale(a, dir, "lib", p, err);
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
