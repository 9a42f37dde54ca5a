#include "plugin/package.h"

#include "base/utf8.h"
#include "plugin/catalog.h"
#include "plugin/version.h"
#include "tls/random.h"
#include "tls/sign.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reading packages. The whole file is in memory and is walked twice: first everything is checked, entry by entry, with
 * nothing written; then, and only if all of it is right, the files are written. Both walks see the same bytes.
 *
 * What is not expected is refused: a package is made by one program, so there is no reason to be lenient. */

enum { NAME_BYTES = 200, PREFIX_BYTES = 130, SIGNATURE_BYTES = 256, KEY_BYTES = 4096 };

struct entry {
    char name[NAME_BYTES + 1]; /* below NAME-VERSION/ */
    char hash[65];
};

struct walk {
    struct archive *archive;
    char prefix[PREFIX_BYTES]; /* "NAME-VERSION/" */
    struct entry *entries;
    int count;
    size_t total, packed;
    struct buf file, sums, signature;
    struct package_info *info;
    struct err *err;
};

void package_info_close(struct package_info *info)
{
    buf_close(&info->sums);
    *info = (struct package_info){0};
}

/* A name out of a foreign archive, fit for a terminal: cut, and without control characters and what is no UTF-8. */
static void printable(const char *name, char out[201])
{
    const size_t len = utf8_cut(slice_of(name), 200);
    const bool valid = utf8_valid((struct slice){name, len});
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)name[i];
        out[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !valid) ? '?' : name[i];
    }
    out[len] = '\0';
}

static int refuse(struct walk *w, const char *rule, const char *why, const char *name)
{
    char shown[201] = "";
    if (name)
        printable(name, shown);
    return err_rule(w->err, ERR_POLICY, rule, NULL, "the package is refused: %s%s%s", why, name ? ": " : "", shown);
}

/* -- names -- */

/* Components that are not empty, hidden, "." or "..", of printable bytes. */
static bool good_path(const char *path)
{
    size_t len = strlen(path);
    if (len == 0 || len > NAME_BYTES || path[0] == '/' || path[len - 1] == '/')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool first = i == 0 || path[i - 1] == '/';
        if ((unsigned char)path[i] < 0x20 || path[i] == '\\' || path[i] == 0x7f ||
            (first && (path[i] == '.' || path[i] == '/')))
            return false;
    }
    return true;
}

/* "fund-1.2.0/": which plugin is it? */
static int take_prefix(struct walk *w, const char *path)
{
    size_t len = strcspn(path, "/");
    const char *dash = memchr(path, '-', len);
    struct version ignored;
    struct err why = {0};
    if (!dash || path[len] != '/' || len + 2 > PREFIX_BYTES || (size_t)(dash - path) >= sizeof(w->info->name) ||
        len - (size_t)(dash - path) > sizeof(w->info->version))
        return refuse(w, "package.form", "its files are not below NAME-VERSION/", path);
    snprintf(w->info->name, sizeof(w->info->name), "%.*s", (int)(dash - path), path);
    snprintf(w->info->version, sizeof(w->info->version), "%.*s", (int)(path + len - dash - 1), dash + 1);
    snprintf(w->prefix, sizeof(w->prefix), "%.*s/", (int)len, path);
    if (!name_is_plugin(slice_of(w->info->name)) || version_parse(slice_of(w->info->version), &ignored, &why) != 0)
        return refuse(w, "package.form", "its files are not below NAME-VERSION/", path);
    return 0;
}

/* The name below the prefix; NULL once refused. */
static const char *name_of(struct walk *w, struct archive_entry *e)
{
    const char *path = archive_entry_pathname(e);
    if (!path)
        return refuse(w, "package.path", "a name in it is not readable", NULL), NULL;
    if (path[0] == '/' || strstr(path, ".."))
        return refuse(w, "package.path", "a name in it leads out of its folder", path), NULL;
    if (!w->prefix[0] && take_prefix(w, path) != 0)
        return NULL;
    size_t n = strlen(w->prefix);
    if (strncmp(path, w->prefix, n) != 0)
        return refuse(w, "package.path", "a name in it is not below its folder", path), NULL;
    if (!good_path(path + n))
        return refuse(w, "package.path", "a name in it is not allowed", path), NULL;
    return path + n;
}

/* -- one walk -- */

static int read_content(struct walk *w, const char *name)
{
    char chunk[16384];
    la_ssize_t n;
    buf_clear(&w->file);
    while ((n = archive_read_data(w->archive, chunk, sizeof(chunk))) > 0) {
        w->total += (size_t)n;
        if (w->file.len + (size_t)n > PACKAGE_FILE_MAX || w->total > PACKAGE_UNPACKED_MAX)
            return refuse(w, "package.size", "a file, or all of them together, are too large", name);
        if (w->total > 1024 * 1024 && w->total / PACKAGE_RATIO_MAX > w->packed)
            return refuse(w, "package.size", "it unpacks to more than it can honestly hold", name);
        buf_append(&w->file, chunk, (size_t)n);
    }
    return n < 0 ? refuse(w, "package.form", "it cannot be read to its end", archive_error_string(w->archive)) : 0;
}

static int open_walk(struct walk *w, struct slice package)
{
    if (package.len > PACKAGE_BYTES_MAX)
        return refuse(w, "package.size", "its file is too large", NULL);
    w->archive = archive_read_new();
    w->packed = package.len;
    w->total = 0;
    archive_read_support_filter_gzip(w->archive);
    archive_read_support_format_tar(w->archive);
    if (archive_read_open_memory(w->archive, package.data, package.len) != ARCHIVE_OK)
        return refuse(w, "package.form", "it is no gzip'd tar archive", NULL);
    return 0;
}

/* Call `take` for each file, its content in w->file. */
static int walk(struct walk *w, struct slice package, int (*take)(struct walk *w, const char *name, void *arg),
                void *arg)
{
    struct archive_entry *e;
    int rv = open_walk(w, package), ret = ARCHIVE_EOF;
    while (rv == 0 && (ret = archive_read_next_header(w->archive, &e)) == ARCHIVE_OK) {
        if (archive_filter_count(w->archive) != 2) { /* gzip, and what it reads from */
            rv = refuse(w, "package.form", "it is no gzip'd tar archive", NULL);
            break;
        }
        if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) || archive_entry_symlink(e)) {
            rv = refuse(w, "package.link", "there is something in it that is not a plain file",
                        archive_entry_pathname(e));
            break;
        }
        const char *name = name_of(w, e);
        rv = name ? read_content(w, name) : w->err->code;
        if (rv == 0)
            rv = take(w, name, arg);
    }
    if (rv == 0 && ret != ARCHIVE_EOF)
        rv = refuse(w, "package.form", "it is no whole gzip'd tar archive", archive_error_string(w->archive));
    archive_read_free(w->archive);
    w->archive = NULL;
    return rv;
}

/* -- the first walk: everything is checked -- */

static const char *arch_of(const struct buf *file)
{
    if (file->len < 20 || memcmp(file->data, "\177ELF", 4) != 0)
        return "unknown";
    switch ((unsigned char)file->data[18] | (unsigned char)file->data[19] << 8) {
    case 62:
        return "x86_64";
    case 183:
        return "aarch64";
    case 243:
        return "riscv64";
    default:
        return "other";
    }
}

static int take_entry(struct walk *w, const char *name, void *arg)
{
    unsigned char hash[32];
    struct slice bytes = buf_view(&w->file);
    (void)arg;
    for (int i = 0; i < w->count; i++)
        if (strcmp(w->entries[i].name, name) == 0)
            return refuse(w, "package.path", "a file is in it twice", name);
    if (w->count == PACKAGE_FILES_MAX)
        return refuse(w, "package.size", "there are too many files in it", NULL);
    struct entry *e = &w->entries[w->count++];
    snprintf(e->name, sizeof(e->name), "%s", name);
    sha256(&bytes, 1, hash);
    hex_encode(hash, sizeof(hash), e->hash);
    if (strcmp(name, "sha256sums") == 0)
        return buf_slice(&w->sums, bytes);
    if (strcmp(name, "signature") == 0)
        return bytes.len <= SIGNATURE_BYTES ? buf_slice(&w->signature, bytes)
                                            : refuse(w, "package.form", "its signature is too long", NULL);
    if (strncmp(name, "plugin/", 7) != 0)
        return refuse(w, "package.form", "only sha256sums, signature and plugin/ belong into it", name);
    const char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".so") == 0)
        snprintf(w->info->arch, sizeof(w->info->arch), "%s", arch_of(&w->file));
    w->info->files++;
    w->info->unpacked += bytes.len;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* The list must be exactly what sha256sums(1) would write of the files, in order: then it says nothing else. */
static int check_sums(struct walk *w)
{
    struct buf made = {0};
    qsort(w->entries, (size_t)w->count, sizeof(*w->entries), by_name);
    for (int i = 0; i < w->count; i++)
        if (strncmp(w->entries[i].name, "plugin/", 7) == 0)
            buf_fmt(&made, "%s  %s\n", w->entries[i].hash, w->entries[i].name);
    int rv = made.len && slice_eq(buf_view(&made), buf_view(&w->sums))
                 ? 0
                 : refuse(w, "package.hash", "its files are not those of its sha256sums", NULL);
    buf_close(&made);
    unsigned char hash[32];
    struct slice sums = buf_view(&w->sums);
    sha256(&sums, 1, hash);
    hex_encode(hash, sizeof(hash), w->info->hash);
    return rv;
}

/* -- signatures -- */

static bool try_key(struct walk *w, const char *dir, const char *file)
{
    char path[1100], pem[KEY_BYTES];
    struct err ignored = {0};
    size_t n = strlen(file);
    if (n < 5 || n - 4 >= sizeof(w->info->signer) || file[0] == '.' || strcmp(file + n - 4, ".pem") != 0)
        return false;
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    FILE *f = fopen(path, "rbe");
    size_t len = f ? fread(pem, 1, sizeof(pem), f) : 0;
    if (f)
        fclose(f);
    if (sign_verify((struct slice){pem, len}, buf_view(&w->sums), buf_view(&w->signature), &ignored) != 0)
        return false;
    snprintf(w->info->signer, sizeof(w->info->signer), "%.*s", (int)(n - 4), file);
    return sign_key_id((struct slice){pem, len}, w->info->key_id, &ignored) == 0;
}

bool package_key_is_trusted(const char *keys_dir, const char *key_id)
{
    DIR *d = opendir(keys_dir);
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        char path[1400], pem[KEY_BYTES], id[17];
        struct err ignored = {0};
        size_t n = strlen(e->d_name);
        if (n < 5 || e->d_name[0] == '.' || strcmp(e->d_name + n - 4, ".pem") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", keys_dir, e->d_name);
        FILE *f = fopen(path, "rbe");
        size_t len = f ? fread(pem, 1, sizeof(pem), f) : 0;
        if (f)
            fclose(f);
        found = sign_key_id((struct slice){pem, len}, id, &ignored) == 0 && strcmp(id, key_id) == 0;
    }
    if (d)
        closedir(d);
    return found;
}

static int check_signature(struct walk *w, const char *keys_dir, bool needed)
{
    if (w->signature.len == 0)
        return needed ? refuse(w, "package.unsigned",
                               "nobody has signed it; `muster plugin sign` does, and developer mode takes it as it is",
                               NULL)
                      : 0;
    DIR *d = opendir(keys_dir);
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = try_key(w, keys_dir, e->d_name);
    if (d)
        closedir(d);
    return found ? 0
                 : refuse(w, "package.key",
                          "its signature is of none of the keys that are trusted here, or it was changed; "
                          "`muster plugin keys trust FILE` trusts one more",
                          NULL);
}

static int check(struct walk *w, struct slice package, const char *keys_dir, bool need_signature)
{
    w->entries = mem_zalloc((PACKAGE_FILES_MAX + 1) * sizeof(*w->entries));
    int rv = walk(w, package, take_entry, NULL);
    if (rv == 0 && w->sums.len == 0)
        rv = refuse(w, "package.form", "there is no sha256sums in it", NULL);
    if (rv == 0)
        rv = check_sums(w);
    if (rv == 0 && keys_dir)
        rv = check_signature(w, keys_dir, need_signature);
    if (rv == 0)
        buf_slice(&w->info->sums, buf_view(&w->sums));
    return rv;
}

static void close_walk(struct walk *w, int rv)
{
    free(w->entries);
    buf_close(&w->file);
    buf_close(&w->sums);
    buf_close(&w->signature);
    if (rv != 0)
        package_info_close(w->info);
}

int package_check(struct slice package, const char *keys_dir, bool need_signature, struct package_info *out,
                  struct err *err)
{
    struct err local = {0};
    struct walk w = {.info = out, .err = err ? err : &local};
    *out = (struct package_info){0};
    int rv = check(&w, package, keys_dir, need_signature);
    close_walk(&w, rv);
    return rv;
}

/* -- the second walk: the files are written -- */

static int sync_folder(int dir, struct err *err)
{
    return fsync(dir) == 0 ? 0 : err_set(err, ERR_IO, "fsync of a folder: %s", strerror(errno));
}

/* Open the folder of `path` below `root`, making what is missing. */
static int open_parent(int root, const char *path, struct err *err)
{
    int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
    for (const char *slash; dir >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        char part[NAME_BYTES + 1];
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        bool made = mkdirat(dir, part, 0755) == 0;
        int next = made && fsync(dir) != 0 ? -1 : openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(dir);
        dir = next;
    }
    if (dir < 0)
        err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return dir;
}

static int write_entry(struct walk *w, const char *name, void *arg)
{
    int root = *(const int *)arg, rv = 0;
    if (strncmp(name, "plugin/", 7) != 0)
        return 0;
    name += 7;
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    mode_t mode = dot && strcmp(dot, ".so") == 0 ? 0755 : 0644;
    int dir = open_parent(root, name, w->err);
    if (dir < 0)
        return ERR_IO;
    errno = 0; /* a short write says nothing there */
    int fd = openat(dir, slash ? slash + 1 : name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) != 0 || write(fd, w->file.data, w->file.len) != (ssize_t)w->file.len ||
        fsync(fd) != 0)
        rv = err_set(w->err, ERR_IO, "write %s: %s", name, errno ? strerror(errno) : "the disk is full");
    if (rv == 0)
        rv = sync_folder(dir, w->err);
    if (fd >= 0)
        close(fd);
    close(dir);
    return rv;
}

int package_unpack(struct slice package, const char *keys_dir, bool need_signature, const char *to,
                   struct package_info *out, struct err *err)
{
    struct err local = {0}, left = {0};
    struct walk w = {.info = out, .err = err ? err : &local};
    *out = (struct package_info){0};
    int root = -1, rv = check(&w, package, keys_dir, need_signature);
    if (rv != 0)
        goto end;
    if (mkdir(to, 0755) != 0 || (root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        rv = err_set(w.err, ERR_IO, "%s: %s", to, strerror(errno));
        goto end;
    }
    rv = walk(&w, package, write_entry, &root);
    if (rv == 0)
        rv = sync_folder(root, w.err);
    close(root);
    if (rv != 0)
        folder_remove(to, &left);
end:
    close_walk(&w, rv);
    return rv;
}
