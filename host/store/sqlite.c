/* The SQLite driver: the connection, its transaction and its savepoints. */
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

#include "base/utf8.h"
#include "store/sqlite_memory.h"

/* The writer's connection works in WAL mode with synchronous=FULL: COMMIT returns when the log is on the disk. The
 * log file is kept at its size (overwriting costs a third less than growing), so it is never truncated, not even on
 * close.
 *
 * A savepoint is made right before the first write of its command, so that a command which only reads costs none.
 * `made` says how many of the `base.level` wanted savepoints stand; all have the same name, for RELEASE and ROLLBACK
 * TO take the innermost.
 *
 * One writer per data folder: an open file description lock on `muster.lock` beside the database, held as long as
 * the connection. If that file is removed under us, somebody else may own the folder: the next batch is refused as
 * FENCED. */

#define BUSY_TIMEOUT_MS 5000
#define SHOWN_BYTES 160
#define CHECKPOINT_PAGES 4000
/* More is not faster for the writer: after a page was split SQLite walks the whole cache at COMMIT (pcache1Truncate). */
#define CACHE_KIB (16 * 1024)
#define MAX_VALUE_BYTES (16 * 1024 * 1024)

static const char *const fixed_sql[FIXED_COUNT] = {
    [FIXED_BEGIN] = "BEGIN",
    [FIXED_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [FIXED_COMMIT] = "COMMIT",
    [FIXED_ROLLBACK] = "ROLLBACK",
    [FIXED_SAVEPOINT] = "SAVEPOINT m",
    [FIXED_RELEASE] = "RELEASE m",
    [FIXED_ROLLBACK_TO] = "ROLLBACK TO m",
};

static struct sqlite *own(struct store *s)
{
    return (struct sqlite *)s;
}

/* -- the interrupt's gate -- */

enum { IDLE, RUNNING, INTERRUPTING };

/* sqlite3_interrupt stops whatever runs when it arrives, be it another command's statement or a COMMIT. So it is
 * called only while the gate says RUNNING, and the owner waits at the gate for a call that has begun. SQLite itself
 * forgets an interrupt when the next statement starts with no other active.
 *
 * The same gate is where the bounds of a plugin's commands hold, and those of the host begin again. A migration has
 * none: an index is sorted in memory however large its table is. */
static bool bounded(const struct sqlite *q)
{
    return q->guard.plugin && q->guard.use == GUARD_COMMAND;
}

void sqlite_enter(struct sqlite *q)
{
    atomic_store_explicit(&q->interrupts, 0, memory_order_relaxed);
    if (bounded(q)) {
        sqlite3_limit(q->db, SQLITE_LIMIT_LENGTH, q->value_max_bytes);
        sqlite_memory_bound(&q->interrupts);
    }
    atomic_store_explicit(&q->running, RUNNING, memory_order_release);
}

void sqlite_leave(struct sqlite *q)
{
    int expected = RUNNING;
    while (!atomic_compare_exchange_weak(&q->running, &expected, IDLE)) {
        expected = RUNNING;
        thrd_yield();
    }
    if (bounded(q)) {
        sqlite_memory_unbound();
        sqlite3_limit(q->db, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
    }
}

void sqlite_interrupt(struct store *s)
{
    struct sqlite *q = own(s);
    int expected = RUNNING;
    if (atomic_compare_exchange_strong(&q->running, &expected, INTERRUPTING)) {
        sqlite3_interrupt(q->db);
        atomic_fetch_add_explicit(&q->interrupts, 1, memory_order_relaxed);
        atomic_store(&q->running, RUNNING);
    }
}

/* -- errors -- */

struct meaning {
    int rc; /* SQLite's primary code, or an extended one to be found first */
    int code;
    const char *rule, *text;
};

static const struct meaning meanings[] = {
    {SQLITE_CONSTRAINT_DATATYPE, ERR_ARG, "sql.type", NULL},
    {SQLITE_CONSTRAINT_FOREIGNKEY, ERR_CONFLICT, "sql.constraint",
     "FOREIGN KEY constraint failed: the row it names does not exist, or the row to go is still named by others"},
    {SQLITE_CONSTRAINT, ERR_CONFLICT, "sql.constraint", NULL},
    {SQLITE_MISMATCH, ERR_ARG, "sql.type", NULL},
    {SQLITE_INTERRUPT, ERR_TIMEOUT, "sql.interrupted", "the statement was stopped: it ran past its time"},
    {SQLITE_FULL, ERR_IO, NULL, "disk full"},
    {SQLITE_TOOBIG, ERR_TOOBIG, "sql.toobig", "a value is over 16 MiB, or the statement is too complex"},
    {SQLITE_READONLY, ERR_POLICY, "sql.readonly", "a read command cannot write: declare mode = \"write\""},
    {SQLITE_BUSY, ERR_BUSY, NULL, NULL},
    {SQLITE_LOCKED, ERR_BUSY, NULL, NULL},
    {SQLITE_ABORT, ERR_POLICY, "sql.lost", "the transaction was rolled back under the query"},
    {SQLITE_RANGE, ERR_ARG, "sql.args", NULL},
    {SQLITE_ERROR, ERR_ARG, "sql.error", NULL},
    {SQLITE_NOMEM, ERR_INTERNAL, NULL, "out of memory"},
    {SQLITE_MISUSE, ERR_INTERNAL, NULL, NULL},
};

static const struct meaning *meaning_of(int extended)
{
    const size_t count = sizeof(meanings) / sizeof(meanings[0]);
    for (size_t i = 0; i < count; i++) {
        if (meanings[i].rc == extended) {
            return &meanings[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (meanings[i].rc == (extended & 0xff)) {
            return &meanings[i];
        }
    }
    return NULL;
}

/* The statement in one line, cut to fit. False when it was cut. */
static bool put_line(struct slice sql, char out[SHOWN_BYTES + 1])
{
    size_t len = 0, i = 0;
    for (bool blank = false; i < sql.len && len + 1 < SHOWN_BYTES; i++) {
        const bool space = sql.data[i] == ' ' || sql.data[i] == '\n' || sql.data[i] == '\r' || sql.data[i] == '\t';
        if (!space && blank && len > 0)
            out[len++] = ' ';
        if (!space)
            out[len++] = sql.data[i];
        blank = space;
    }
    for (; i < sql.len && len > 0 && ((unsigned char)sql.data[i] & 0xC0) == 0x80; i--)
        len--; /* not within a character */
    out[len] = '\0';
    return i == sql.len;
}

int sqlite_error(struct sqlite *q, int rc, struct slice sql, struct err *err)
{
    const char *said = sqlite3_errmsg(q->db);
    int extended = sqlite3_extended_errcode(q->db);
    if ((rc & 0xff) == SQLITE_NOMEM && bounded(q) && sqlite_memory_refused() == REFUSED_LATE) {
        rc = extended = SQLITE_INTERRUPT;
    }
    const struct meaning *m = meaning_of((extended & 0xff) == (rc & 0xff) ? extended : rc);
    if ((rc & 0xff) == SQLITE_AUTH || (q->guard.plugin && q->guard.denied[0])) {
        return err_rule(err, ERR_POLICY, q->guard.rule ? q->guard.rule : "sql.guard", NULL, "%s",
                        q->guard.denied[0] ? q->guard.denied : said);
    }
    if (!m || (m->code == ERR_POLICY && q->base.role == STORE_WRITER && (rc & 0xff) == SQLITE_READONLY)) {
        return err_set(err, ERR_IO, "database %s: %s", q->path, said);
    }
    if (m->code == ERR_IO) {
        return err_set(err, ERR_IO, "database %s: %s", q->path, m->text);
    }
    if ((rc & 0xff) == SQLITE_NOMEM && bounded(q) && sqlite_memory_refused() == REFUSED_SIZE) {
        return err_rule(err, ERR_LIMIT, "limit.memory", NULL,
                        "the statement needs more than %d MiB of memory: ask for fewer rows or shorter texts at once",
                        SQLITE_MEMORY_MIB);
    }
    if ((rc & 0xff) == SQLITE_TOOBIG && bounded(q)) {
        return err_rule(err, ERR_TOOBIG, "sql.toobig", NULL,
                        "a value or a row has more than %d KiB, the most for this statement: keep it in pieces, a row "
                        "each, or write a shorter statement",
                        q->value_max_bytes / 1024);
    }
    if (strcmp(said, "integer overflow") == 0) {
        return err_rule(err, ERR_ARG, "sql.overflow", NULL, "integer overflow: the result does not fit 64 bits");
    }
    if ((rc & 0xff) == SQLITE_ERROR && sql.len > 0) {
        char shown[SHOWN_BYTES + 1];
        bool whole = put_line(sql, shown);
        return err_rule(err, m->code, m->rule, NULL, "%s, in the statement: %s%s", said, shown, whole ? "" : " …");
    }
    return err_rule(err, m->code, m->rule, NULL, "%s", m->text ? m->text : said);
}

/* -- transactions -- */

/* Run one of the fixed statements; SQLite's result code. */
static int run_fixed(struct sqlite *q, enum sqlite_fixed which)
{
    sqlite_watch(q, NULL);
    int rc = sqlite3_step(q->fixed[which]);
    sqlite3_reset(q->fixed[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The lock file is still the one we locked? Removed or replaced means that another writer may be at work. */
static bool still_owner(const struct sqlite *q)
{
    struct stat st;
    return fstat(q->lock_fd, &st) == 0 && st.st_nlink > 0;
}

static int begin(struct store *s, bool write, struct err *err)
{
    struct sqlite *q = own(s);
    if (write && !still_owner(q)) {
        err_set(err, ERR_STATE, "the lock file beside %s was removed: another writer may be at work", q->path);
        return STORE_FENCED;
    }
    q->made = 0;
    sqlite_memory_begin();
    int rc = run_fixed(q, write ? FIXED_BEGIN_WRITE : FIXED_BEGIN);
    return rc == SQLITE_OK ? STORE_OK : sqlite_error(q, rc, SLICE(""), err);
}

static bool alive(const struct store *s)
{
    return !sqlite3_get_autocommit(((const struct sqlite *)s)->db);
}

static void rollback(struct store *s)
{
    struct sqlite *q = own(s);
    if (alive(s)) {
        run_fixed(q, FIXED_ROLLBACK);
    }
    q->made = 0;
}

static void count_pages(struct sqlite *q)
{
    int now = 0;
    int high = 0;
    sqlite3_db_status(q->db, SQLITE_DBSTATUS_CACHE_WRITE, &now, &high, 0);
    atomic_store_explicit(&q->base.pages_written, now, memory_order_relaxed);
}

/* SQLite calls this after each commit with the pages in the log. */
static int committed(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct sqlite *q = arg;
    (void)db;
    (void)name;
    q->wal_pages = pages;
    return SQLITE_OK;
}

static int checkpoint(struct store *s, int min_pages, struct err *err)
{
    struct sqlite *q = own(s);
    int pages = q->wal_pages;
    if (pages == 0 || pages < min_pages) {
        return 0;
    }
    int rc = sqlite3_wal_checkpoint_v2(q->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    /* Counted from zero again even where a reader held some back: the next commit says how many there are. */
    q->wal_pages = 0;
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? pages : sqlite_error(q, rc, SLICE(""), err);
}

static int commit(struct store *s, struct err *err)
{
    struct sqlite *q = own(s);
    int rc = run_fixed(q, FIXED_COMMIT);
    int rv = STORE_OK;
    if (rc == SQLITE_BUSY) {
        rv = STORE_RETRY;
    } else if (rc != SQLITE_OK) {
        rv = sqlite_error(q, rc, SLICE(""), err);
    }
    rollback(s);
    count_pages(q);
    if (rv == STORE_OK && q->wal_pages >= q->checkpoint_pages) {
        /* A failed checkpoint loses nothing: the log keeps the pages, and the next one tries again. */
        checkpoint(s, 0, NULL);
    }
    return rv;
}

int sqlite_mark(struct sqlite *q, struct err *err)
{
    while (q->made < q->base.level) {
        int rc = run_fixed(q, FIXED_SAVEPOINT);
        if (rc != SQLITE_OK) {
            return sqlite_error(q, rc, SLICE(""), err);
        }
        q->made++;
    }
    return 0;
}

static int end_savepoint(struct store *s, int level, bool keep, struct err *err)
{
    struct sqlite *q = own(s);
    if (q->changes) {
        sqlite_changes_unmark(q->changes, level, keep);
    }
    if (q->made < level) {
        return 0;
    }
    assert(q->made == level);
    int rc = keep ? SQLITE_OK : run_fixed(q, FIXED_ROLLBACK_TO);
    if (rc == SQLITE_OK) {
        rc = run_fixed(q, FIXED_RELEASE);
    }
    q->made--;
    return rc == SQLITE_OK ? 0 : sqlite_error(q, rc, SLICE(""), err);
}

static int unmark(struct store *s, int level, bool keep, struct err *err)
{
    int rv = end_savepoint(s, level, keep, err);
    if (level == 1) {
        sqlite_memory_begin(); /* of the next command of the batch */
    }
    return rv;
}

/* -- opening and closing -- */

static void configure_once(void)
{
    /* Nothing here asks for memory statistics, and they cost a lock at every allocation. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite_memory_install();
    sqlite3_initialize();
}

/* `name` in the folder of the database. The caller frees it. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    struct buf b = {0};
    buf_append(&b, path, slash ? (size_t)(slash - path) + 1 : 0);
    buf_text(&b, name);
    buf_byte(&b, '\0');
    return b.data;
}

static int take_lock(struct sqlite *q, struct err *err)
{
    char *path = beside(q->path, "muster.lock");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int rv = 0;
    q->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (q->lock_fd < 0) {
        rv = err_set(err, ERR_IO, "open %s: %s", path, strerror(errno));
    } else if (fcntl(q->lock_fd, F_OFD_SETLK, &lock) != 0) {
        rv = errno == EAGAIN || errno == EACCES
                 ? err_set(err, ERR_BUSY, "%s is held by another Muster: stop it first, or serve another data folder",
                           path)
                 : err_set(err, ERR_IO, "lock %s: %s", path, strerror(errno));
    }
    free(path);
    return rv;
}

/* SQLite gives its own files the mode of the database, so that is made here first. */
static int create_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, ERR_IO, "open %s: %s", path, strerror(errno));
    }
    close(fd);
    return 0;
}

/* New files are safe from a power cut only when their folder is on the disk too. */
static int sync_folder(struct sqlite *q, struct err *err)
{
    char *path = beside(q->path, ".");
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv = 0;
    if (fd < 0 || fsync(fd) != 0) {
        rv = err_set(err, ERR_IO, "sync the folder of %s: %s", q->path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return rv;
}

static int run_text(struct sqlite *q, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : err_set(err, ERR_IO, "open %s: %s: %s", q->path, sql, sqlite3_errmsg(q->db));
}

static void harden(struct sqlite *q)
{
    static const struct {
        int what, value;
    } flags[] = {
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    static const struct {
        int what, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES}, {SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES},
        {SQLITE_LIMIT_EXPR_DEPTH, 200},         {SQLITE_LIMIT_COMPOUND_SELECT, 100},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 1000},   {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        sqlite3_db_config(q->db, flags[i].what, flags[i].value, NULL);
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        sqlite3_limit(q->db, limits[i].what, limits[i].value);
    }
}

static int set_up_writer(struct sqlite *q, const struct store_options *options, struct err *err)
{
    char text[160];
    int persist = 1;
    sqlite3_snprintf(
        sizeof(text), text,
        "PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA journal_size_limit=-1;"
        "PRAGMA secure_delete=FAST",
        options->page_bytes > 0 ? options->page_bytes : 4096, options->scratch ? "OFF" : "FULL");
    int rv = run_text(q, text, err);
    if (rv < 0) {
        return rv;
    }
    sqlite3_file_control(q->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    q->checkpoint_pages = options->checkpoint_pages > 0 ? options->checkpoint_pages : CHECKPOINT_PAGES;
    sqlite3_wal_hook(q->db, committed, q); /* replaces SQLite's automatic checkpoint */
    return options->scratch ? 0 : sync_folder(q, err);
}

static int set_up(struct sqlite *q, const struct store_options *options, struct err *err)
{
    char text[160];
    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_busy_timeout(q->db, BUSY_TIMEOUT_MS);
    harden(q);
    sqlite3_snprintf(
        sizeof(text), text,
        "PRAGMA foreign_keys=ON; PRAGMA case_sensitive_like=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
        "PRAGMA cache_size=-%d",
        options->cache_kib > 0 ? options->cache_kib : CACHE_KIB);
    int rv = run_text(q, text, err);
    if (rv == 0 && sqlite_functions_install(q) != SQLITE_OK) {
        rv = err_set(err, ERR_IO, "open %s: %s", q->path, sqlite3_errmsg(q->db));
    }
    if (rv < 0) {
        return rv;
    }
    return q->base.role == STORE_WRITER ? set_up_writer(q, options, err) : run_text(q, "PRAGMA query_only=ON", err);
}

/* All at once, so that a rollback needs nothing that could fail. */
static int prepare_fixed(struct sqlite *q, struct err *err)
{
    for (int i = 0; i < FIXED_COUNT; i++) {
        int rc = sqlite3_prepare_v3(q->db, fixed_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &q->fixed[i], NULL);
        if (rc != SQLITE_OK) {
            return sqlite_error(q, rc, SLICE(""), err);
        }
    }
    return 0;
}

static void close_store(struct store *s)
{
    struct sqlite *q = own(s);
    sqlite_forget_all(q);
    for (int i = 0; i < FIXED_COUNT; i++) {
        sqlite3_finalize(q->fixed[i]);
    }
    sqlite3_close_v2(q->db);
    if (q->lock_fd >= 0) {
        close(q->lock_fd);
    }
    free(q->path);
    free(q);
}

static int open_store(const struct store_options *options, enum store_role role, struct store **out, struct err *err)
{
    static once_flag once = ONCE_FLAG_INIT;
    const int flags = role == STORE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int rv = 0;
    call_once(&once, configure_once);
    if (!options->path || !options->path[0] || options->path[0] == ':') {
        return err_set(err, ERR_ARG, "a store needs the path of a file");
    }
    struct sqlite *q = mem_zalloc(sizeof(*q));
    q->base.driver = &sqlite_driver;
    q->base.role = role;
    q->path = mem_dup(options->path);
    q->lock_fd = -1;
    list_init(&q->base.cursors);
    list_init(&q->ages);
    list_init(&q->idle_cursors);
    if (role == STORE_WRITER) {
        rv = take_lock(q, err);
        rv = rv == 0 ? create_file(q->path, err) : rv;
    }
    if (rv == 0 &&
        sqlite3_open_v2(q->path, &q->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK) {
        rv = err_set(err, ERR_IO, "open %s: %s", q->path, sqlite3_errmsg(q->db));
    }
    if (rv == 0) {
        rv = set_up(q, options, err);
    }
    if (rv == 0) {
        rv = prepare_fixed(q, err);
    }
    if (rv < 0) {
        close_store(&q->base);
        return rv;
    }
    sqlite_guard_install(q);
    *out = &q->base;
    return 0;
}

const struct store_driver sqlite_driver = {
    .name = "sqlite",
    .open = open_store,
    .close = close_store,
    .begin = begin,
    .alive = alive,
    .commit = commit,
    .rollback = rollback,
    .unmark = unmark,
    .exec = sqlite_exec,
    .query = sqlite_query,
    .step = sqlite_step,
    .columns = sqlite_columns,
    .column = sqlite_column,
    .value = sqlite_value,
    .finish = sqlite_finish,
    .interrupt = sqlite_interrupt,
    .checkpoint = checkpoint,
    .copy = sqlite_copy,
    .check = sqlite_check,
};

const char *store_library_version(void)
{
    return sqlite3_libversion();
}
