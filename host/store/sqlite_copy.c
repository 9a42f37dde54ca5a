/* Copying the database while others work on it. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite's backup interface copies some pages a step, each step a read of its own, so that a long copy does not keep
 * the log from being checkpointed. When another connection has committed in between, the next step starts over. A busy
 * server could make that go on for ever: after a few restarts the rest is copied within one read, a snapshot that no
 * commit disturbs.
 *
 * The copy is written without a journal, for a half-written one is removed. Nor is it synced: whoever copies tries
 * something on it and removes it again, while the server's commits need the disk. */

#define PAGES_A_STEP 2000
#define RESTARTS_MAX 3
#define BUSY_MAX 50
#define BUSY_SLEEP_MS 100

/* One copy under way. */
struct copy {
    struct sqlite *from;
    sqlite3 *to;
    sqlite3_backup *backup;
    int restarts, busy;
    bool pinned; /* within one read */
};

/* From now on one snapshot. BEGIN alone takes none: the first look does. */
static int pin(struct copy *c, struct err *err)
{
    struct value v;
    struct buf keep = {0};
    int rv = store_read_begin(&c->from->base, err);
    if (rv == STORE_OK) {
        c->pinned = true;
        rv = store_value(&c->from->base, NULL, SLICE("SELECT count(*) FROM sqlite_schema"), NULL, 0, &v, &keep, err);
    }
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

/* One step. 1: more to do, 0: done, or an error. */
static int copy_some(struct copy *c, const char *path, struct err *err)
{
    int before = sqlite3_backup_remaining(c->backup);
    int rc = sqlite3_backup_step(c->backup, PAGES_A_STEP);
    if (rc == SQLITE_DONE) {
        return 0;
    }
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        if (++c->busy > BUSY_MAX) {
            return err_set(err, ERR_BUSY, "copy %s: the database stays locked; try again", c->from->path);
        }
        sqlite3_sleep(BUSY_SLEEP_MS);
        return 1;
    }
    if (rc != SQLITE_OK) {
        return err_set(err, ERR_IO, "copy %s to %s: %s", c->from->path, path, sqlite3_errstr(rc));
    }
    if (before > 0 && sqlite3_backup_remaining(c->backup) > before - PAGES_A_STEP && ++c->restarts == RESTARTS_MAX) {
        return pin(c, err) < 0 ? err->code : 1;
    }
    return 1;
}

static int copy_all(struct copy *c, const char *path, struct err *err)
{
    if (sqlite3_open_v2(path, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(c->to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL) != SQLITE_OK) {
        return err_set(err, ERR_IO, "open %s: %s", path, sqlite3_errmsg(c->to));
    }
    c->backup = sqlite3_backup_init(c->to, "main", c->from->db, "main");
    if (!c->backup) {
        return err_set(err, ERR_IO, "copy to %s: %s", path, sqlite3_errmsg(c->to));
    }
    int rv = 0;
    do {
        rv = store_check_deadline(&c->from->base, err);
        rv = rv == 0 ? copy_some(c, path, err) : rv;
    } while (rv == 1);
    return rv;
}

static void end_copy(struct copy *c)
{
    sqlite3_backup_finish(c->backup);
    sqlite3_close_v2(c->to);
    if (c->pinned) {
        store_read_end(&c->from->base);
    }
}

int sqlite_copy(struct store *s, const char *to, struct err *err)
{
    struct copy c = {.from = (struct sqlite *)s};
    struct err why = {0};
    int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set(err, ERR_IO, "make %s: %s", to, strerror(errno));
    }
    int rv = fchmod(fd, 0600) == 0 ? copy_all(&c, to, &why) : err_set(&why, ERR_IO, "%s: %s", to, strerror(errno));
    end_copy(&c);
    close(fd);
    if (rv < 0) {
        unlink(to);
        if (err) {
            *err = why;
        }
    }
    return rv;
}
