#include "cli/doctor.h"

#include "base/clock.h"
#include "plugin/shelf.h"
#include "tls/cert.h"
#include "tls/endpoint.h"
#include "tls/sign.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Files: who may read them, until when certificates hold, whose keys are trusted, how much room there is. */

enum { EXPIRY_DAYS = 30, PEM_BYTES = 65536 };
static const int64_t day_ms = 24LL * 3600 * 1000;
static const int64_t mib = 1024 * 1024;

/* -- who may read it -- */

static void check_mode(struct doctor *d, const char *path, const char *name)
{
    struct stat st;
    char todo[300];
    if (stat(path, &st) != 0 || (st.st_mode & 077) == 0)
        return;
    snprintf(todo, sizeof(todo), "chmod %s %.250s", S_ISDIR(st.st_mode) ? "700" : "600", path);
    doctor_say(d, DOCTOR_WRONG, "doctor.mode", name, todo, "others than its owner may read or write it (mode %03o)",
               (unsigned)st.st_mode & 0777);
}

void doctor_folder(struct doctor *d)
{
    static const char *const secrets[] = {"ca.key", "server.key", "admin.key", "muster.db"};
    char path[HOUSE_PATH_BYTES];
    int before = d->count;
    check_mode(d, d->house.data, "folder");
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
        if (snprintf(path, sizeof(path), "%s/%s", d->house.data, secrets[i]) < HOUSE_PATH_BYTES)
            check_mode(d, path, secrets[i]);
    if (d->count == before)
        doctor_say(d, DOCTOR_OK, "doctor.mode", "folder", NULL, "%s, for its owner alone", d->house.data);
    if (d->house.config.developer)
        doctor_say(d, DOCTOR_NOTE, "doctor.developer", "configuration",
                   "take `developer` out of it where others rely on this server",
                   "developer mode: packages that nobody has signed are taken");
}

/* -- room -- */

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

void doctor_disk(struct doctor *d)
{
    struct statvfs fs;
    char wal[HOUSE_PATH_BYTES + 8];
    snprintf(wal, sizeof(wal), "%s-wal", d->house.db);
    int64_t log = size_of(wal), database = size_of(d->house.db) + log;
    if (statvfs(d->house.data, &fs) != 0)
        return;
    int64_t left = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize, needed = 2 * database + 256 * mib;
    bool low = left < needed;
    doctor_say(d, low ? DOCTOR_WRONG : DOCTOR_OK, "doctor.disk", "disk",
               low ? "make room: each change of plugins is tried out on a copy of the database" : NULL,
               "%lld MiB are free, the database has %lld MiB%s", (long long)(left / mib), (long long)(database / mib),
               low ? ": too little room" : "");
    const int copies = folder_stale(d->house.data, SHELF_LOOK, false);
    if (copies)
        doctor_say(d, DOCTOR_NOTE, "doctor.copies", "disk", "the next start removes them",
                   "left by tools that were killed: copies of the database (.look-…), %d", copies);
    if (log > 256 * mib)
        doctor_say(d, DOCTOR_NOTE, "doctor.log", "database", "look for a reader that never ends (INFO)",
                   "its log, %s, has grown to %lld MiB", wal, (long long)(log / mib));
}

/* -- certificates -- */

static const char *const renew = "have a new one signed by ca.pem, put it in its place, and send the server SIGHUP";

static void check_expiry(struct doctor *d, const char *about, int64_t from_ms, int64_t until_ms)
{
    char from[36], until[36];
    clock_format_instant(until_ms, d->house.config.zone_min, until);
    clock_format_instant(from_ms, d->house.config.zone_min, from);
    if (until_ms <= d->now_ms)
        doctor_say(d, DOCTOR_WRONG, "doctor.certificate", about, renew, "expired at %s", until);
    else if (from_ms > d->now_ms)
        doctor_say(d, DOCTOR_WRONG, "doctor.certificate", about, "is this machine's clock right?",
                   "holds only from %s on", from);
    else if (until_ms - d->now_ms < EXPIRY_DAYS * day_ms)
        doctor_say(d, DOCTOR_WRONG, "doctor.certificate", about, renew, "expires in %lld days, at %s",
                   (long long)((until_ms - d->now_ms) / day_ms), until);
    else
        doctor_say(d, DOCTOR_OK, "doctor.certificate", about, NULL, "valid until %s", until);
}

static size_t read_file(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(out, 1, size, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void check_file(struct doctor *d, const char *path, const char *about, bool needed)
{
    static char pem[PEM_BYTES];
    struct cert_info info;
    struct err why = {0};
    size_t n = read_file(path, pem, sizeof(pem));
    if (n == 0 && !needed)
        return;
    if (n == 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.certificate", about, renew, "%s cannot be read: %s", path, strerror(errno));
    else if (cert_read((struct slice){pem, n}, &info, &why) != 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.certificate", about, renew, "%s is no certificate: %s", path, why.text);
    else
        check_expiry(d, about, info.not_before_ms, info.not_after_ms);
}

void doctor_certificates(struct doctor *d)
{
    const struct tls_files files = {.ca = d->house.ca, .cert = d->house.cert, .key = d->house.key};
    struct tls_endpoint *endpoint = NULL;
    struct err why = {0};
    char admin[HOUSE_PATH_BYTES];
    check_file(d, d->house.ca, "ca.pem", true);
    check_file(d, d->house.cert, "server.pem", true);
    if (snprintf(admin, sizeof(admin), "%s/admin.pem", d->house.data) < HOUSE_PATH_BYTES)
        check_file(d, admin, "admin.pem", false);
    if (tls_server_new(&files, NULL, &endpoint, &why) != 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.certificate", "server.key", "put back the key that belongs to server.pem",
                   "no server can start with these: %s", why.text);
    tls_endpoint_unref(endpoint);
}

/* -- keys -- */

static bool signs_something(const struct doctor *d, const char *name)
{
    for (int i = 0; i < d->set.count; i++)
        if (d->set.plugins[i].signer && strcmp(d->set.plugins[i].signer, name) == 0)
            return true;
    return false;
}

static bool is_listed(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool ends(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n > m && strcmp(text + n - m, with) == 0;
}

static void check_key(struct doctor *d, const char *dir, const char *file)
{
    char path[HOUSE_PATH_BYTES + 300], name[200], about[80], todo[300], pem[4096], id[17] = "";
    struct err why = {0};
    snprintf(path, sizeof(path), "%s/%.255s", dir, file);
    snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - 4), file);
    snprintf(about, sizeof(about), "key %.70s", name);
    snprintf(todo, sizeof(todo), "muster plugin keys distrust %.60s --data %.180s", name, d->house.data);
    bool native = is_listed(d->house.config.native_keys, name);
    if (ends(file, ".key"))
        doctor_say(d, DOCTOR_WRONG, "doctor.key", about, "move it to whoever signs, away from this machine",
                   "%s is where a private key does not belong", path);
    else if (sign_key_id((struct slice){pem, read_file(path, pem, sizeof(pem))}, id, &why) != 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.key", about, todo, "%s: %s", path, why.text);
    else if (signs_something(d, name))
        doctor_say(d, DOCTOR_OK, "doctor.key", about, NULL, "%s signs packages that are installed%s", id,
                   native ? "; its native code runs inside the server" : "");
    else if (d->store)
        doctor_say(d, DOCTOR_NOTE, "doctor.key", about, todo, "%s is trusted, but signs nothing that is installed%s",
                   id, native ? "; its native code would run inside the server" : "");
}

static bool has_key(const struct doctor *d, const char *name)
{
    char path[HOUSE_PATH_BYTES + 300];
    struct stat st;
    snprintf(path, sizeof(path), "%s/keys/%.200s.pem", d->house.data, name);
    return stat(path, &st) == 0;
}

void doctor_keys(struct doctor *d)
{
    char dir[HOUSE_PATH_BYTES + 8], about[80];
    snprintf(dir, sizeof(dir), "%s/keys", d->house.data);
    DIR *folder = opendir(dir);
    for (struct dirent *e; folder && (e = readdir(folder));)
        if (e->d_name[0] != '.' && (ends(e->d_name, ".pem") || ends(e->d_name, ".key")))
            check_key(d, dir, e->d_name);
    if (folder)
        closedir(folder);
    for (const char *const *name = d->house.config.native_keys; *name; name++)
        if (!has_key(d, *name))
            doctor_say(d, DOCTOR_WRONG, "doctor.native_keys", "configuration",
                       "take it out of native_keys, or `muster plugin keys trust` it",
                       "native_keys names %s, but there is no %s/%s.pem", *name, dir, *name);
    for (int i = 0; i < d->set.count; i++) {
        const struct set_plugin *p = &d->set.plugins[i];
        snprintf(about, sizeof(about), "plugin %.60s", p->name);
        if (p->folder && p->signer && p->signer[0] && !has_key(d, p->signer))
            doctor_say(d, DOCTOR_WRONG, "doctor.untrusted", about,
                       "remove it, or trust that key again (`muster plugin keys trust`)",
                       "%s was signed by %s, whose key is not trusted any more", p->version, p->signer);
        else if (p->folder && (!p->signer || !p->signer[0]))
            doctor_say(d, DOCTOR_NOTE, "doctor.unsigned", about, "have its package signed and install it again",
                       "%s was installed without a signature", p->version);
    }
}
