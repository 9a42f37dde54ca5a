#include "access/setup.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "tls/cert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything is made in a temporary folder first. Is there no DIR yet, the folder stands beside it and one rename
 * makes it DIR; is there one, it stands inside, and its files move out one by one, none over another, the database
 * last: a folder without muster.db was not finished. Whatever fails, the temporary folder goes.
 */

#define CA_DAYS 3650
#define SERVER_DAYS 825 /* what browsers' libraries accept at most */
#define ADMIN_DAYS 825
#define HOSTS_MAX 32
#define PATH_BYTES 4096

static const char *const files[] = {"ca.pem",    "ca.key",    "server.pem", "server.key",
                                    "admin.pem", "admin.key", "muster.db"};
#define FILE_COUNT (sizeof files / sizeof *files)

struct init {
    const char *dir, *user;
    const char *hosts[HOSTS_MAX + 4];
    int nhosts;
    bool exists;          /* DIR was there before */
    char tmp[PATH_BYTES]; /* "" while there is none */
};

static const char manual[] =
    "Usage: muster init --data DIR [--user NAME] [--host NAME]…\n\n"
    "Makes DIR (readable by you alone) with a private CA (ca.pem, ca.key), the server's certificate (server.pem,\n"
    "server.key), the first administrator's certificate (admin.pem, admin.key) and the database (muster.db).\n\n"
    "  --data DIR    the folder; it may exist if it holds none of these files (or MUSTER_DATA)\n"
    "  --user NAME   the administrator's name; default admin\n"
    "  --host NAME   a name or address under which clients reach the server, besides localhost, 127.0.0.1 and ::1;\n"
    "                may be given several times\n\n"
    "Keep ca.key safe: who has it can make certificates for anybody.\n";

static int join(char out[PATH_BYTES], const char *dir, const char *name, struct err *err)
{
    if (snprintf(out, PATH_BYTES, "%s/%s", dir, name) >= PATH_BYTES)
        return err_set(err, ERR_ARG, "the path %.80s… is too long", dir);
    return 0;
}

static int sync_dir(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    if (failed)
        err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    return failed ? ERR_IO : 0;
}

static int write_file(const char *dir, const char *name, const struct buf *content, struct err *err)
{
    char path[PATH_BYTES];
    int rv = join(path, dir, name, err);
    if (rv != 0)
        return rv;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    ssize_t written = write(fd, content->data, content->len);
    if (written >= 0 && (size_t)written < content->len)
        rv = err_set(err, ERR_IO, "%s: the disk is full", path);
    else if (written < 0 || fsync(fd) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (close(fd) != 0 && rv == 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return rv;
}

/* Refuse a folder that was set up before, naming the file that shows it. */
static int look(struct init *in, struct err *err)
{
    struct stat st;
    char path[PATH_BYTES];
    if (stat(in->dir, &st) != 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", in->dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFLICT, "%s is not a folder", in->dir);
    in->exists = true;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        int rv = join(path, in->dir, files[i], err);
        if (rv != 0)
            return rv;
        if (lstat(path, &st) == 0)
            return err_rule(err, ERR_CONFLICT, "init.exists", NULL,
                            "%s is there already; choose another folder, or move this one away", path);
    }
    return 0;
}

static int make_tmp(struct init *in, struct err *err)
{
    char dir[PATH_BYTES];
    size_t len = strlen(in->dir);
    while (len > 1 && in->dir[len - 1] == '/')
        len--;
    int n = snprintf(dir, sizeof dir, "%.*s%s", (int)len, in->dir, in->exists ? "/.init-XXXXXX" : ".init-XXXXXX");
    if (len == 0 || n >= PATH_BYTES)
        return err_set(err, ERR_ARG, "--data needs a folder's path, not \"%.80s\"", in->dir);
    if (mkdtemp(dir) == NULL)
        return err_set(err, ERR_IO, "make a folder %s: %s", dir, strerror(errno));
    memcpy(in->tmp, dir, sizeof dir);
    return 0;
}

static void remove_tmp(struct init *in)
{
    DIR *d = in->tmp[0] == '\0' ? NULL : opendir(in->tmp);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(in->tmp);
    in->tmp[0] = '\0';
}

static int issue(struct init *in, const struct buf *ca_cert, const struct buf *ca_key,
                 const struct cert_request *request, const char *file, struct cert_info *info, struct err *err)
{
    struct buf cert = {0}, key = {0};
    char name[32];
    int rv = cert_issue(buf_view(ca_cert), buf_view(ca_key), request, &cert, &key, err);
    if (rv == 0)
        rv = cert_read(buf_view(&cert), info, err);
    snprintf(name, sizeof name, "%s.pem", file);
    if (rv == 0)
        rv = write_file(in->tmp, name, &cert, err);
    snprintf(name, sizeof name, "%s.key", file);
    if (rv == 0)
        rv = write_file(in->tmp, name, &key, err);
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    buf_close(&cert);
    buf_close(&key);
    return rv;
}

static int make_files(struct init *in, struct err *err)
{
    struct buf ca_cert = {0}, ca_key = {0};
    struct cert_info info;
    char db[PATH_BYTES];
    struct cert_request server = {.name = "muster", .hosts = in->hosts, .valid_days = SERVER_DAYS};
    struct cert_request admin = {.name = in->user, .valid_days = ADMIN_DAYS};
    int rv = cert_make_ca("Muster private CA", CA_DAYS, &ca_cert, &ca_key, err);
    if (rv == 0)
        rv = write_file(in->tmp, "ca.pem", &ca_cert, err);
    if (rv == 0)
        rv = write_file(in->tmp, "ca.key", &ca_key, err);
    if (rv == 0)
        rv = issue(in, &ca_cert, &ca_key, &server, "server", &info, err);
    if (rv == 0)
        rv = issue(in, &ca_cert, &ca_key, &admin, "admin", &info, err);
    if (rv == 0)
        rv = join(db, in->tmp, "muster.db", err);
    if (rv == 0)
        rv = setup_administrator(db, in->user, info.fingerprint, err);
    if (rv == 0)
        rv = sync_dir(in->tmp, err);
    if (ca_key.data != NULL)
        explicit_bzero(ca_key.data, ca_key.len);
    buf_close(&ca_cert);
    buf_close(&ca_key);
    return rv;
}

static int move_one(struct init *in, const char *name, struct err *err)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    int rv = join(from, in->tmp, name, err);
    if (rv == 0)
        rv = join(to, in->dir, name, err);
    if (rv == 0 && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) != 0)
        rv = err_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", to, strerror(errno));
    return rv;
}

/* Everything in the temporary folder, what the database keeps beside itself included; muster.db last. */
static int move_all(struct init *in, struct err *err)
{
    DIR *d = opendir(in->tmp);
    int rv = d == NULL ? err_set(err, ERR_IO, "%s: %s", in->tmp, strerror(errno)) : 0;
    for (struct dirent *e; rv == 0 && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && strcmp(e->d_name, "muster.db") != 0)
            rv = move_one(in, e->d_name, err);
    if (d != NULL)
        closedir(d);
    return rv == 0 ? move_one(in, "muster.db", err) : rv;
}

/* Make it visible. */
static int publish(struct init *in, struct err *err)
{
    if (!in->exists) {
        if (renameat2(AT_FDCWD, in->tmp, AT_FDCWD, in->dir, RENAME_NOREPLACE) != 0)
            return err_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", in->dir, strerror(errno));
        in->tmp[0] = '\0';
        return 0;
    }
    if (chmod(in->dir, 0700) != 0)
        return err_set(err, ERR_IO, "make %s readable by its owner alone: %s", in->dir, strerror(errno));
    int rv = move_all(in, err);
    if (rv == 0)
        rv = sync_dir(in->dir, err);
    remove_tmp(in);
    return rv;
}

static int parse(struct init *in, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"user", required_argument, NULL, 'u'},
        {"host", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            in->dir = optarg;
            break;
        case 'u':
            in->user = optarg;
            break;
        case 'o':
            if (in->nhosts == HOSTS_MAX)
                return cli_misuse("init", "at most %d --host", HOSTS_MAX);
            in->hosts[in->nhosts++] = optarg;
            break;
        case 'h':
            fputs(manual, stdout);
            return -1;
        case ':':
            return cli_misuse("init", "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse("init", "unknown option %s", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return cli_misuse("init", "what is \"%s\"?", argv[optind]);
    if (in->dir == NULL || *in->dir == '\0')
        return cli_misuse("init", "which folder? Say --data DIR");
    return 0;
}

int cli_init(int argc, char **argv)
{
    struct init in = {
        .dir = getenv("MUSTER_DATA"), .user = "admin", .hosts = {"localhost", "127.0.0.1", "::1"}, .nhosts = 3};
    struct err err = {0};
    int rv = parse(&in, argc, argv);
    if (rv != 0)
        return rv < 0 ? 0 : rv;
    umask(077); /* the database's own files too */
    rv = look(&in, &err);
    if (rv == 0)
        rv = make_tmp(&in, &err);
    if (rv == 0)
        rv = make_files(&in, &err);
    if (rv == 0)
        rv = publish(&in, &err);
    remove_tmp(&in);
    if (rv != 0)
        return cli_fail("init", &err);
    printf("%s is ready: administrator \"%s\", certificates for %d days.\nNext: muster serve --data %s\n", in.dir,
           in.user, SERVER_DAYS, in.dir);
    return 0;
}
