#include "base/buf.h"
#include "cli/cli.h"
#include "cli/plugin.h"
#include "cli/tool.h"
#include "plugin/package.h"
#include "tls/sign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An author's side of packages (pack, sign, a key of one's own) and an administrator's side of keys: whose packages the
 * server of a data folder takes. None of it needs a server. */

enum { PATH_BYTES = 1024 };

static const char pack_manual[] =
    "Usage: muster plugin pack DIR [--key FILE] [--out FILE]\n\n"
    "Makes NAME-VERSION.muster of a plugin's folder, the same bytes for the same files. C files in it are compiled to\n"
    "NAME.so first, when that is missing or older (CC, CFLAGS and LDFLAGS are honoured).\n\n"
    "  --key FILE   sign it with this private key, as `muster plugin sign` does\n"
    "  --out FILE   write it there\n";
static const char sign_manual[] = "Usage: muster plugin sign FILE --key FILE [--out FILE]\n\n"
                                  "Puts a signature on a package, or another one in its place.\n";
static const char keys_manual[] =
    "Usage: muster plugin keys new NAME          make NAME.key (keep it secret) and NAME.pem here\n"
    "       muster plugin keys trust FILE --data DIR   packages signed by this key (NAME.pem) may be installed there\n"
    "       muster plugin keys distrust NAME --data DIR\n"
    "       muster plugin keys list --data DIR\n";

struct words {
    const char *list[4];
    int count;
    const char *key, *out, *data;
};

/* -1: go on; otherwise the exit status. */
static int parse(const char *name, const char *manual, int argc, char **argv, struct words *w)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"out", required_argument, NULL, 'o'},
        {"data", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (c) {
        case 'k':
            w->key = optarg;
            break;
        case 'o':
            w->out = optarg;
            break;
        case 'd':
            w->data = optarg;
            break;
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse(name, "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse(name, "unknown option %s", argv[optind - 1]);
        }
    }
    while (optind < argc && w->count < 4)
        w->list[w->count++] = argv[optind++];
    if (!w->data)
        w->data = getenv("MUSTER_DATA");
    return -1;
}

static int read_file(const char *path, size_t max, struct buf *out, struct err *err)
{
    char chunk[65536];
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    int rv = 0;
    for (size_t n; rv == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;) {
        buf_append(out, chunk, n);
        if (out->len > max)
            rv = err_set(err, ERR_TOOBIG, "%s: more than %zu bytes", path, max);
    }
    fclose(f);
    return rv;
}

/* In one step, so that nobody finds half of it. */
static int write_file(const char *path, const struct buf *bytes, struct err *err)
{
    char tmp[PATH_BYTES + 8];
    snprintf(tmp, sizeof(tmp), "%.1000s.XXXXXX", path);
    int fd = mkstemp(tmp);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", tmp, strerror(errno));
    int rv = 0;
    if (write(fd, bytes->data, bytes->len) != (ssize_t)bytes->len || fchmod(fd, 0644) != 0 || fsync(fd) != 0 ||
        rename(tmp, path) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    if (rv != 0)
        unlink(tmp);
    return rv;
}

/* Sign if a key was given, write, and say what it is. */
static int finish(struct buf *package, const struct words *w, const char *otherwise, struct err *err)
{
    struct buf signed_one = {0};
    struct package_info info = {0};
    char own[200];
    int rv = w->key ? package_sign(buf_view(package), w->key, &signed_one, err) : 0;
    const struct buf *result = w->key ? &signed_one : package;
    if (rv == 0)
        rv = package_check(buf_view(result), NULL, false, &info, err);
    snprintf(own, sizeof(own), "%s-%s.muster", info.name, info.version);
    const char *path = w->out ? w->out : otherwise ? otherwise : own;
    if (rv == 0)
        rv = write_file(path, result, err);
    if (rv == 0)
        printf("%s: %s %s, %d files, %zu bytes, %s\nsha256 %s\n", path, info.name, info.version, info.files,
               result->len, w->key ? "signed" : "not signed", info.hash);
    package_info_close(&info);
    buf_close(&signed_one);
    return rv;
}

int cli_plugin_pack(int argc, char **argv)
{
    struct words w = {0};
    struct err err = {0};
    struct buf package = {0};
    int status = parse("plugin pack", pack_manual, argc, argv, &w);
    if (status >= 0)
        return status;
    if (w.count != 1)
        return cli_misuse("plugin pack", "which folder?");
    int rv = plugin_build(w.list[0], false, NULL, &err);
    if (rv == 0)
        rv = package_pack(w.list[0], &package, &err);
    if (rv == 0)
        rv = finish(&package, &w, NULL, &err);
    buf_close(&package);
    return rv == 0 ? 0 : cli_fail("plugin pack", &err);
}

int cli_plugin_sign(int argc, char **argv)
{
    struct words w = {0};
    struct err err = {0};
    struct buf package = {0};
    int status = parse("plugin sign", sign_manual, argc, argv, &w);
    if (status >= 0)
        return status;
    if (w.count != 1 || !w.key)
        return cli_misuse("plugin sign", "which package, and which --key?");
    int rv = read_file(w.list[0], PACKAGE_BYTES_MAX, &package, &err);
    if (rv == 0)
        rv = finish(&package, &w, w.list[0], &err);
    buf_close(&package);
    return rv == 0 ? 0 : cli_fail("plugin sign", &err);
}

/* -- keys -- */

static int new_key(const struct words *w, struct err *err)
{
    char secret[PATH_BYTES], open_path[PATH_BYTES];
    if (strlen(w->list[1]) > 900)
        return err_set(err, ERR_ARG, "the name is too long");
    snprintf(secret, sizeof(secret), "%s.key", w->list[1]);
    snprintf(open_path, sizeof(open_path), "%s.pem", w->list[1]);
    int rv = sign_new_key(secret, open_path, err);
    if (rv == 0)
        printf("%s is the private key: keep it where nobody else can read it.\n%s is the public key: give it to the "
               "administrators of the servers.\n",
               secret, open_path);
    return rv;
}

static bool good_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
              (name[i] >= '0' && name[i] <= '9') || (i > 0 && strchr("-_.", name[i]))))
            return false;
    return n > 0 && n < 60;
}

/* "…/NAME.pem" or "NAME" → NAME. */
static int name_of_key(const char *word, char name[64], struct err *err)
{
    const char *slash = strrchr(word, '/'), *base = slash ? slash + 1 : word;
    size_t len = strlen(base);
    len = len > 4 && strcmp(base + len - 4, ".pem") == 0 ? len - 4 : len;
    snprintf(name, 64, "%.*s", (int)len, base);
    return good_name(name) && len < 60
               ? 0
               : err_set(err, ERR_ARG, "%s: a key's file is NAME.pem, the name of letters, digits, - and _", word);
}

static int read_id(const char *dir, const char *file, char id[17], struct err *err)
{
    char path[PATH_BYTES + 300];
    struct buf pem = {0};
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    int rv = read_file(path, 4096, &pem, err);
    if (rv == 0)
        rv = sign_key_id(buf_view(&pem), id, err);
    buf_close(&pem);
    return rv;
}

/* The file of a trusted key with this identity, beginning behind those that were found before; false: no more. */
static bool next_same(DIR *d, const char *dir, const char *id, char file[256])
{
    for (struct dirent *e; d && (e = readdir(d));) {
        char other[17];
        struct err ignored = {0};
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || n < 5 || strcmp(e->d_name + n - 4, ".pem") != 0 ||
            read_id(dir, e->d_name, other, &ignored) != 0 || strcmp(other, id) != 0)
            continue;
        snprintf(file, 256, "%s", e->d_name);
        return true;
    }
    return false;
}

static int sync_keys(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv = fd < 0 || fsync(fd) != 0 ? err_set(err, ERR_IO, "%s: %s", dir, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    return rv;
}

/* One key, one name: whoever distrusts the name must have distrusted the key. */
static int check_new(const char *dir, const char *id, struct err *err)
{
    char file[256];
    DIR *d = opendir(dir);
    int rv = next_same(d, dir, id, file) ? err_set(err, ERR_CONFLICT, "this key (%s) is trusted already, as %.*s", id,
                                                   (int)strlen(file) - 4, file)
                                         : 0;
    if (d)
        closedir(d);
    return rv;
}

static int trust(const struct words *w, struct err *err)
{
    char name[64], dir[PATH_BYTES], path[PATH_BYTES + 80], id[17];
    struct buf pem = {0};
    int rv = name_of_key(w->list[1], name, err);
    if (rv == 0)
        rv = read_file(w->list[1], 4096, &pem, err);
    if (rv == 0)
        rv = sign_key_id(buf_view(&pem), id, err);
    snprintf(dir, sizeof(dir), "%.900s/keys", w->data);
    if (rv == 0 && mkdir(dir, 0700) != 0 && errno != EEXIST)
        rv = err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
    if (rv == 0)
        rv = check_new(dir, id, err);
    if (rv == 0 && access(path, F_OK) == 0)
        rv = err_set(err, ERR_CONFLICT, "there is a key %s already; distrust it first", name);
    if (rv == 0)
        rv = write_file(path, &pem, err);
    if (rv == 0)
        rv = sync_keys(dir, err);
    if (rv == 0)
        printf("packages signed by %s (%s) may be installed\n", name, id);
    buf_close(&pem);
    return rv;
}

/* The key goes, under whatever names it stands there. */
static int distrust(const struct words *w, struct err *err)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 300], name[64], file[256], id[17];
    struct buf names = {0};
    struct err unread = {0};
    int rv = name_of_key(w->list[1], name, err);
    if (rv != 0)
        return rv;
    snprintf(dir, sizeof(dir), "%.900s/keys", w->data);
    snprintf(file, sizeof(file), "%s.pem", name);
    bool is_key = read_id(dir, file, id, &unread) == 0;
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (unlink(path) != 0)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: %s", path, strerror(errno));
    DIR *d = is_key ? opendir(dir) : NULL;
    while (rv == 0 && next_same(d, dir, id, file)) {
        snprintf(path, sizeof(path), "%s/%s", dir, file);
        if (unlink(path) != 0)
            rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        buf_fmt(&names, ", the same key as %.*s", (int)strlen(file) - 4, file);
    }
    if (d)
        closedir(d);
    if (rv == 0)
        rv = sync_keys(dir, err);
    if (rv == 0)
        printf("packages signed by %s%s are refused from now on; what is installed stays\n", name,
               names.len ? buf_cstr(&names) : "");
    buf_close(&names);
    return rv;
}

static int list_keys(const struct words *w, struct err *err)
{
    char dir[PATH_BYTES];
    snprintf(dir, sizeof(dir), "%.900s/keys", w->data);
    DIR *d = opendir(dir);
    if (!d && errno != ENOENT)
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[PATH_BYTES + 300], id[17];
        struct buf pem = {0};
        struct err why = {0};
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || n < 5 || strcmp(e->d_name + n - 4, ".pem") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (read_file(path, 4096, &pem, &why) == 0 && sign_key_id(buf_view(&pem), id, &why) == 0)
            printf("%.*s  %s\n", (int)(n - 4), e->d_name, id);
        else
            printf("%.*s  not a key: %s\n", (int)(n - 4), e->d_name, why.text);
        buf_close(&pem);
    }
    if (d)
        closedir(d);
    return 0;
}

int cli_plugin_keys(int argc, char **argv)
{
    struct words w = {0};
    struct err err = {0};
    int status = parse("plugin keys", keys_manual, argc, argv, &w), rv;
    if (status >= 0)
        return status;
    const char *verb = w.count > 0 ? w.list[0] : "";
    bool named = w.count == 2, lists = strcmp(verb, "list") == 0 && w.count == 1;
    if (strcmp(verb, "new") == 0 && named)
        rv = new_key(&w, &err);
    else if (!w.data && (named || lists))
        return cli_misuse("plugin keys", "which server? Say --data DIR (or set MUSTER_DATA)");
    else if (strcmp(verb, "trust") == 0 && named)
        rv = trust(&w, &err);
    else if (strcmp(verb, "distrust") == 0 && named)
        rv = distrust(&w, &err);
    else if (lists)
        rv = list_keys(&w, &err);
    else
        return cli_misuse("plugin keys", "what is to be done? new, trust, distrust or list");
    return rv == 0 ? 0 : cli_fail("plugin keys", &err);
}
