/* The store: readers, the data folder, crashes, a full disk, and the log. */
#include "store_place.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* -- readers -- */

static void reader_sees_one_snapshot(void **state)
{
    struct place *p = *state;
    struct store *r = open_role(p, STORE_READER, false);
    const char *sql = "SELECT count(*) FROM notes_note";
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(number(r, sql), 0);
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "later"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(number(r, sql), 0);
    store_read_end(r);
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(number(r, sql), 1);
    store_close(r);
}

static void reader_cannot_write(void **state)
{
    struct place *p = *state;
    struct store *r = open_role(p, STORE_READER, false);
    assert_int_equal(store_role(r), STORE_READER);
    assert_int_equal(store_batch_begin(r, &p->err), ERR_STATE);
    assert_int_equal(store_checkpoint(r, 0, &p->err), ERR_STATE);
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(store_read_begin(r, &p->err), ERR_STATE);
    assert_int_equal(store_exec(r, "notes", SLICE("INSERT INTO notes_note(text) VALUES('x')"), NULL, 0, NULL, &p->err),
                     ERR_POLICY);
    assert_string_equal(p->err.rule, "sql.readonly");
    assert_int_equal(store_run(r, "DELETE FROM muster_user", NULL, 0, &p->err), ERR_POLICY);
    assert_int_equal(store_exec(r, "notes", SLICE("SELECT id FROM notes_note"), NULL, 0, NULL, &p->err), 0);
    store_read_end(r);
    assert_int_equal(store_exec(r, "notes", SLICE("SELECT id FROM notes_note"), NULL, 0, NULL, &p->err), ERR_POLICY);
    store_close(r);
}

/* A reader's cached statements follow the schema. */
static void reader_follows_a_migration(void **state)
{
    struct place *p = *state;
    static const char more[] = "ALTER TABLE notes_note ADD COLUMN colour TEXT;";
    const struct migration list[] = {{1, "001_tables", {tables, sizeof(tables) - 1}},
                                     {2, "002_colour", {more, sizeof(more) - 1}}};
    struct store *r = open_role(p, STORE_READER, false);
    struct cursor *c = NULL;
    const struct slice sql = SLICE("SELECT * FROM notes_note");
    for (int columns = 3; columns <= 4; columns++) {
        assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
        assert_int_equal(store_query(r, "notes", sql, NULL, 0, &c, &p->err), 0);
        assert_int_equal(cursor_step(c, &p->err), 0);
        store_read_end(r);
        if (columns == 3) {
            assert_int_equal(migrate(p->s, "notes", list, 2, &p->err), 1);
        }
    }
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(store_exec(r, "notes", SLICE("SELECT colour FROM notes_note"), NULL, 0, NULL, &p->err), 0);
    store_close(r);
}

/* -- the data folder -- */

static void second_writer_is_refused(void **state)
{
    struct place *p = *state;
    const struct store_options options = {.path = p->path};
    struct store *s = NULL;
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), ERR_BUSY);
    assert_null(s);
    assert_non_null(strstr(p->err.text, "muster.lock"));
    pid_t child = fork();
    if (child == 0) {
        _exit(store_open(&options, STORE_WRITER, &s, NULL) == ERR_BUSY ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store_close(p->s);
    p->s = open_role(p, STORE_WRITER, false);
}

/* Somebody removed the lock file: another writer may have begun. */
static void removed_lock_file_fences_the_writer(void **state)
{
    struct place *p = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/muster.lock", p->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_batch_begin(p->s, &p->err), STORE_FENCED);
}

static void files_are_private_and_bad_paths_are_named(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    struct stat st;
    char path[128];
    struct store *s = NULL;
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    struct store_options options = {.path = "/nowhere/muster.db"};
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), ERR_IO);
    assert_non_null(strstr(p->err.text, "/nowhere/"));
    assert_int_equal(store_open(&options, STORE_READER, &s, &p->err), ERR_IO);
    options.path = ":memory:";
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), ERR_ARG);
    /* A file that is no database. */
    snprintf(path, sizeof(path), "%s/other.db", p->folder);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database ", f);
    }
    fclose(f);
    options.path = path;
    assert_int_equal(store_open(&options, STORE_READER, &s, &p->err), ERR_IO);
    assert_non_null(strstr(p->err.text, path));
    unlink(path);
}

/* Run `work` in a child that ends by SIGKILL; only what was committed may be there. */
static void die_in_child(struct place *p, bool commit_it)
{
    store_close(p->s);
    p->s = NULL;
    pid_t child = fork();
    if (child == 0) {
        const struct store_options options = {.path = p->path};
        struct store *s = NULL;
        const struct slice sql = SLICE("INSERT INTO notes_note(text) VALUES('child')");
        bool ok = store_open(&options, STORE_WRITER, &s, NULL) == 0 && store_batch_begin(s, NULL) == STORE_OK &&
                  store_command_begin(s, &plain, NULL, NULL) == STORE_NEW &&
                  store_exec(s, "notes", sql, NULL, 0, NULL, NULL) == 0 &&
                  store_command_end(s, &plain, SLICE(""), NULL) == 0;
        if (ok && (!commit_it || store_batch_commit(s, NULL) == STORE_OK)) {
            kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    p->s = open_role(p, STORE_WRITER, false);
}

static void killed_before_commit_leaves_nothing(void **state)
{
    struct place *p = *state;
    die_in_child(p, false);
    assert_int_equal(notes(p), 0);
}

static void killed_after_commit_has_kept_everything(void **state)
{
    struct place *p = *state;
    die_in_child(p, true);
    assert_int_equal(notes(p), 1);
}

/* A file size limit stands in for a full disk. The batch fails whole, and the database goes on. */
static void full_disk_fails_the_batch_and_nothing_else(void **state)
{
    struct place *p = *state;
    pid_t child = fork();
    if (child == 0) {
        /* The inherited connection is left alone: SQLite's connections must not cross a fork. */
        char path[160];
        snprintf(path, sizeof(path), "%s/sub", p->folder);
        if (mkdir(path, 0700) != 0) {
            _exit(1);
        }
        strcat(path, "/muster.db");
        const struct store_options options = {.path = path};
        const struct rlimit small = {256 * 1024, RLIM_INFINITY};
        const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
        struct store *s = NULL;
        struct err err = {0};
        int64_t rows = -1;
        struct value v;
        struct buf keep = {0};
        signal(SIGXFSZ, SIG_IGN);
        bool ok = store_open(&options, STORE_WRITER, &s, &err) == 0 &&
                  store_run(s, "CREATE TABLE notes_big(b BLOB) STRICT", NULL, 0, &err) == 0 &&
                  setrlimit(RLIMIT_FSIZE, &small) == 0 && store_batch_begin(s, &err) == STORE_OK &&
                  store_command_begin(s, &plain, NULL, &err) == STORE_NEW;
        static char bytes[400 * 1024];
        const struct value args[] = {{.type = VALUE_BLOB, .s = {bytes, sizeof(bytes)}}};
        int rv = ok ? store_exec(s, "notes", SLICE("INSERT INTO notes_big(b) VALUES(?)"), args, 1, NULL, &err) : 0;
        if (ok && rv == 0) {
            ok = store_command_end(s, &plain, SLICE(""), &err) == 0;
            rv = store_batch_commit(s, &err);
        } else {
            store_batch_abort(s);
        }
        ok = ok && rv == ERR_IO && setrlimit(RLIMIT_FSIZE, &none) == 0;
        ok = ok && store_value(s, NULL, SLICE("SELECT count(*) FROM notes_big"), NULL, 0, &v, &keep, &err) == 1;
        rows = ok ? v.i : -1;
        ok = ok && rows == 0 && store_run(s, "INSERT INTO notes_big(b) VALUES('')", NULL, 0, &err) == ERR_ARG;
        ok = ok && store_exec(s, NULL, SLICE("INSERT INTO notes_big(b) VALUES(?)"), args, 1, NULL, &err) == 0;
        store_close(s);
        _exit(ok ? 0 : 2);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    static const char *const names[] = {"sub/muster.db", "sub/muster.db-wal", "sub/muster.db-shm", "sub/muster.lock"};
    char path[160];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/sub", p->folder);
    rmdir(path);
    assert_int_equal(status, 0);
}

/* The log is kept at its size: a checkpoint empties it without cutting the file, and so does closing. */
static void log_is_moved_by_a_checkpoint_and_never_cut(void **state)
{
    struct place *p = *state;
    char path[128];
    struct stat before;
    struct stat after;
    for (int i = 0; i < 20; i++) {
        char text[32];
        snprintf(text, sizeof(text), "n%d", i);
        begin(p);
        begin_command(p);
        assert_int_equal(add(p, text), 0);
        end_command(p);
        commit(p);
    }
    snprintf(path, sizeof(path), "%s/muster.db-wal", p->folder);
    assert_int_equal(stat(path, &before), 0);
    assert_true(before.st_size > 20 * 4096);
    assert_int_equal(store_checkpoint(p->s, 100000, &p->err), 0);
    assert_true(store_checkpoint(p->s, 1, &p->err) >= 20);
    assert_int_equal(store_checkpoint(p->s, 1, &p->err), 0);
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "from the log's beginning again"), 0);
    end_command(p);
    commit(p);
    store_close(p->s);
    p->s = NULL;
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    p->s = open_role(p, STORE_WRITER, false);
    assert_int_equal(notes(p), 21);
}

static void commit_checkpoints_by_itself_at_the_limit(void **state)
{
    struct place *p = *state;
    struct stat before;
    struct stat after;
    store_close(p->s);
    const struct store_options options = {.path = p->path, .checkpoint_pages = 10};
    assert_int_equal(store_open(&options, STORE_WRITER, &p->s, &p->err), 0);
    for (int i = 0; i < 200; i++) {
        char text[32];
        snprintf(text, sizeof(text), "n%d", i);
        begin(p);
        begin_command(p);
        assert_int_equal(add(p, text), 0);
        end_command(p);
        commit(p);
        if (i == 30) {
            assert_int_equal(stat(p->path, &before), 0);
        }
    }
    char wal[128];
    snprintf(wal, sizeof(wal), "%s/muster.db-wal", p->folder);
    assert_int_equal(stat(p->path, &after), 0);
    assert_true(after.st_size >= before.st_size);
    assert_int_equal(stat(wal, &after), 0);
    assert_true(after.st_size < 100 * 4096);
    assert_int_equal(notes(p), 200);
}

static void options_reach_a_new_file(void **state)
{
    struct place *p = *state;
    char path[128];
    struct store *s = NULL;
    store_close(p->s);
    snprintf(path, sizeof(path), "%s/small.db", p->folder);
    const struct store_options options = {.path = path, .page_bytes = 1024, .cache_kib = 300};
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), 0);
    assert_int_equal(number(s, "SELECT page_size FROM pragma_page_size"), 1024);
    assert_int_equal(number(s, "SELECT cache_size FROM pragma_cache_size"), -300);
    assert_int_equal(number(s, "SELECT synchronous FROM pragma_synchronous"), 2);
    assert_int_equal(number(s, "SELECT foreign_keys FROM pragma_foreign_keys"), 1);
    store_close(s);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/small.db%s", p->folder, ends[i]);
        assert_int_equal(unlink(path), 0);
    }
    p->s = open_role(p, STORE_WRITER, false);
}

static void pages_written_are_counted(void **state)
{
    struct place *p = *state;
    struct store_stats before;
    struct store_stats after;
    store_stats(p->s, &before);
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "a row"), 0);
    end_command(p);
    commit(p);
    store_stats(p->s, &after);
    assert_int_equal(after.commits, before.commits + 1);
    assert_true(after.pages_written > before.pages_written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(reader_sees_one_snapshot),
        CLAIM(reader_cannot_write),
        CLAIM(reader_follows_a_migration),
        CLAIM(second_writer_is_refused),
        CLAIM(removed_lock_file_fences_the_writer),
        CLAIM(files_are_private_and_bad_paths_are_named),
        CLAIM(killed_before_commit_leaves_nothing),
        CLAIM(killed_after_commit_has_kept_everything),
        CLAIM(full_disk_fails_the_batch_and_nothing_else),
        CLAIM(log_is_moved_by_a_checkpoint_and_never_cut),
        CLAIM(commit_checkpoints_by_itself_at_the_limit),
        CLAIM(options_reach_a_new_file),
        CLAIM(pages_written_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
