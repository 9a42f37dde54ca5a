#include "plugin/package.h"
#include "plugin/registry.h"
#include "script/watchdog.h"
#include "tls/random.h"
#include "tls/sign.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Making packages: files in order of names, with no times, no owners, no name in the gzip header, so that the same
 * files give the same bytes. Signing takes a package apart and puts it together again. */

enum { PATH_BYTES = 1200, DEPTH_MAX = 16, TAR_NAME_MAX = 100 };

struct file {
    char *name; /* "plugin/init.lua" */
    struct buf bytes;
};

struct packing {
    struct file files[PACKAGE_FILES_MAX];
    int count;
    struct buf sums, signature;
    char prefix[132];
    struct err *err;
};

static void close_packing(struct packing *p)
{
    for (int i = 0; i < p->count; i++) {
        free(p->files[i].name);
        buf_close(&p->files[i].bytes);
    }
    buf_close(&p->sums);
    buf_close(&p->signature);
    free(p);
}

/* Hidden files, editors' backups, results of tests, packages, and the keys that sign them stay behind. */
static bool left_behind(const char *name)
{
    static const char *const ends[] = {"~",    ".bak", ".orig", ".rej",    ".swp", ".tmp",
                                       ".out", ".log", ".o",    ".muster", ".key"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        size_t m = strlen(ends[i]);
        if (n > m && strcmp(name + n - m, ends[i]) == 0)
            return true;
    }
    return name[0] == '.' || name[0] == '#';
}

static int add_file(struct packing *p, const char *path, const char *name)
{
    char chunk[65536];
    if (p->count == PACKAGE_FILES_MAX)
        return err_rule(p->err, ERR_POLICY, "package.size", NULL, "more than %d files", PACKAGE_FILES_MAX);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(p->err, ERR_IO, "%s: %s", path, strerror(errno));
    struct file *file = &p->files[p->count++];
    file->name = mem_dup(name);
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0 && file->bytes.len <= PACKAGE_FILE_MAX;)
        buf_append(&file->bytes, chunk, n);
    fclose(f);
    if (file->bytes.len && memmem(file->bytes.data, file->bytes.len, "PRIVATE KEY", 11))
        return err_rule(p->err, ERR_POLICY, "package.secret", NULL,
                        "%s holds a private key, which everybody who gets the package could use; keep it elsewhere",
                        path);
    return file->bytes.len <= PACKAGE_FILE_MAX ? 0
                                               : err_rule(p->err, ERR_POLICY, "package.size", NULL,
                                                          "%s: a file has at most %zu bytes", path, PACKAGE_FILE_MAX);
}

static int add_folder(struct packing *p, const char *dir, const char *below, int depth)
{
    char path[PATH_BYTES], name[PATH_BYTES];
    DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
    int rv = d ? 0 : err_set(p->err, ERR_IO, "%s: %s", dir, strerror(errno));
    for (struct dirent *e; d && rv == 0 && (e = readdir(d));) {
        struct stat st;
        if (left_behind(e->d_name))
            continue;
        if (strlen(e->d_name) > TAR_NAME_MAX) {
            rv = err_rule(p->err, ERR_POLICY, "package.path", NULL, "%s/%.80s…: a name has at most %d bytes", dir,
                          e->d_name, TAR_NAME_MAX);
            break;
        }
        bool fits = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < PATH_BYTES &&
                    snprintf(name, sizeof(name), "%s%s", below, e->d_name) < 200;
        if (!fits || lstat(path, &st) != 0)
            rv = err_set(p->err, ERR_IO, "%s: %s", path, fits ? strerror(errno) : "the name is too long");
        else if (S_ISDIR(st.st_mode) && strlen(name) < 198)
            rv = add_folder(p, path, strcat(name, "/"), depth + 1);
        else if (S_ISREG(st.st_mode))
            rv = add_file(p, path, name);
        else
            rv = err_rule(p->err, ERR_POLICY, "package.link", NULL, "%s is no plain file", path);
    }
    if (d)
        closedir(d);
    return rv;
}

/* -- writing the archive -- */

static la_ssize_t append(struct archive *a, void *arg, const void *bytes, size_t len)
{
    (void)a;
    return buf_append(arg, bytes, len) == 0 ? (la_ssize_t)len : -1;
}

static int put(struct packing *p, struct archive *a, const char *name, struct slice bytes)
{
    char path[400];
    struct archive_entry *e = archive_entry_new();
    const char *dot = strrchr(name, '.');
    snprintf(path, sizeof(path), "%s%s", p->prefix, name);
    archive_entry_set_pathname(e, path);
    archive_entry_set_size(e, (la_int64_t)bytes.len);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, dot && strcmp(dot, ".so") == 0 ? 0755 : 0644);
    archive_entry_set_mtime(e, 0, 0);
    archive_entry_set_uname(e, "root");
    archive_entry_set_gname(e, "root");
    bool done = archive_write_header(a, e) == ARCHIVE_OK &&
                (bytes.len == 0 || archive_write_data(a, bytes.data, bytes.len) == (la_ssize_t)bytes.len);
    archive_entry_free(e);
    return done ? 0 : err_set(p->err, ERR_INTERNAL, "%s could not be packed: %s", path, archive_error_string(a));
}

static int write_archive(struct packing *p, struct buf *out)
{
    struct archive *a = archive_write_new();
    archive_write_add_filter_gzip(a);
    archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
    archive_write_set_format_ustar(a);
    archive_write_set_bytes_per_block(a, 0);
    int rv = archive_write_open(a, out, NULL, append, NULL) == ARCHIVE_OK
                 ? 0
                 : err_set(p->err, ERR_INTERNAL, "the package could not be made");
    if (rv == 0)
        rv = put(p, a, "sha256sums", buf_view(&p->sums));
    if (rv == 0 && p->signature.len)
        rv = put(p, a, "signature", buf_view(&p->signature));
    for (int i = 0; rv == 0 && i < p->count; i++)
        rv = put(p, a, p->files[i].name, buf_view(&p->files[i].bytes));
    if (archive_write_close(a) != ARCHIVE_OK && rv == 0)
        rv = err_set(p->err, ERR_INTERNAL, "the package could not be made");
    archive_write_free(a);
    if (rv == 0 && out->len > PACKAGE_BYTES_MAX)
        rv = err_rule(p->err, ERR_POLICY, "package.size", NULL, "the package would have %zu bytes, more than %zu",
                      out->len, PACKAGE_BYTES_MAX);
    return rv;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void make_sums(struct packing *p)
{
    qsort(p->files, (size_t)p->count, sizeof(*p->files), by_name);
    for (int i = 0; i < p->count; i++) {
        unsigned char hash[32];
        char hex[65];
        struct slice bytes = buf_view(&p->files[i].bytes);
        sha256(&bytes, 1, hash);
        hex_encode(hash, sizeof(hash), hex);
        buf_fmt(&p->sums, "%s  %s\n", hex, p->files[i].name);
    }
}

int package_manifest(const char *name, const char *folder, struct registry **out, struct err *err)
{
    const struct plugin_place place = {.name = name, .folder = folder};
    const struct registry_sources sources = {.places = &place, .nplaces = 1, .manifests_only = true};
    *out = NULL;
    int rv = watchdog_start(err);
    if (rv == 0) {
        rv = registry_load(&sources, 0, out, err);
        watchdog_stop();
    }
    return rv;
}

/* The folder bears the plugin's name; what its manifest says of the version goes into the package's. */
static int read_manifest(struct packing *p, const char *dir)
{
    char *folder = realpath(dir, NULL);
    if (!folder)
        return err_set(p->err, ERR_IO, "%s: %s", dir, strerror(errno));
    const char *name = strrchr(folder, '/') + 1;
    struct registry *r = NULL;
    int rv = package_manifest(name, folder, &r, p->err);
    const struct plugin *plugin = rv == 0 ? registry_plugin(r, slice_of(name)) : NULL;
    if (plugin && snprintf(p->prefix, sizeof(p->prefix), "%s-%s/", plugin->name, plugin->version) >= 130)
        rv = err_set(p->err, ERR_ARG, "%s: name and version are too long", dir);
    registry_unref(r);
    free(folder);
    return rv;
}

int package_pack(const char *dir, struct buf *out, struct err *err)
{
    struct packing *p = mem_zalloc(sizeof(*p));
    p->err = err;
    int rv = read_manifest(p, dir);
    if (rv == 0)
        rv = add_folder(p, dir, "plugin/", 0);
    if (rv == 0) {
        make_sums(p);
        rv = write_archive(p, out);
    }
    close_packing(p);
    return rv;
}

/* -- signing -- */

static int take_apart(struct packing *p, struct slice package)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e;
    archive_read_support_filter_gzip(a);
    archive_read_support_format_tar(a);
    bool good = archive_read_open_memory(a, package.data, package.len) == ARCHIVE_OK;
    while (good && p->count < PACKAGE_FILES_MAX && archive_read_next_header(a, &e) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(e) + strlen(p->prefix);
        char chunk[65536];
        if (strncmp(name, "plugin/", 7) != 0)
            continue;
        struct file *file = &p->files[p->count++];
        file->name = mem_dup(name);
        for (la_ssize_t n; (n = archive_read_data(a, chunk, sizeof(chunk))) > 0;)
            buf_append(&file->bytes, chunk, (size_t)n);
    }
    archive_read_free(a);
    return 0;
}

int package_sign(struct slice package, const char *key_path, struct buf *out, struct err *err)
{
    struct package_info info;
    int rv = package_check(package, NULL, false, &info, err);
    if (rv != 0)
        return rv;
    struct packing *p = mem_zalloc(sizeof(*p));
    p->err = err;
    snprintf(p->prefix, sizeof(p->prefix), "%s-%s/", info.name, info.version);
    buf_slice(&p->sums, buf_view(&info.sums));
    rv = take_apart(p, package);
    if (rv == 0)
        rv = sign_bytes(key_path, buf_view(&p->sums), &p->signature, err);
    if (rv == 0)
        rv = write_archive(p, out);
    close_packing(p);
    package_info_close(&info);
    return rv;
}
