/* What comes from the process of a plugin: any bytes as questions, as a result, as a task. The first byte, q, r or s, says
 * as what.
 * Questions are answered or are no messages; a result that is taken is one whole value, and any shape can look at it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/args.h"
#include "plugin/native.h"
#include "plugin/remote.h"
#include "store/migrate.h"
#include "wire/render.h"

#define MUST(claim) ((claim) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* -- a host that has an answer to everything -- */

static int call_other(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                      struct err *err)
{
    size_t bytes = name.len;
    (void)call;
    for (int i = 0; i < nargs; i++)
        bytes += args[i].name.len + args[i].text.len;
    if (bytes % 7 == 0)
        return err_rule(err, ERR_NOTFOUND, "call.unknown", NULL, "there is no command %.*s", (int)name.len, name.data);
    return buf_fmt(reply, ":%zu\r\n", bytes);
}

static int next(struct call *call, struct slice series, int64_t *out, struct err *err)
{
    (void)call;
    (void)err;
    *out = (int64_t)series.len;
    return 0;
}

static int setting(struct call *call, struct slice name, struct value *out, struct err *err)
{
    (void)call;
    (void)err;
    *out = value_text(name);
    return 0;
}

static int two_texts(struct call *call, struct slice a, struct slice b, struct err *err)
{
    (void)call;
    return a.len > b.len ? err_set(err, ERR_ARG, "%.*s", (int)(a.len > 100 ? 100 : a.len), a.data) : 0;
}

static int unit_path(struct call *call, struct slice code, struct buf *path, struct err *err)
{
    (void)call;
    (void)err;
    return buf_slice(path, code);
}

static const struct call_ops ops = {.invoke = call_other,
                                    .figure = call_other,
                                    .next = next,
                                    .setting = setting,
                                    .emit = two_texts,
                                    .unit_set = two_texts,
                                    .unit_path = unit_path};

static char folder[] = "/tmp/muster-remote-fuzz-XXXXXX";

static void clean_up(void)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static struct store *open_once(void)
{
    static const char table[] = "CREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;";
    static struct store *s;
    char path[128];
    const struct migration m = {1, "001_note", {table, sizeof(table) - 1}};
    if (s)
        return s;
    MUST(mkdtemp(folder));
    atexit(clean_up);
    snprintf(path, sizeof(path), "%s/muster.db", folder);
    const struct store_options options = {.path = path};
    MUST(store_open(&options, STORE_WRITER, &s, NULL) >= 0 && migrate_host(s, NULL) >= 0 &&
         migrate(s, "notes", &m, 1, NULL) >= 0);
    return s;
}

/* -- as what -- */

static bool is_whole(struct slice value)
{
    return value.len > 0 && reader_measure(value) == (long)value.len;
}

static void serve(struct call *call, struct remote_cursors *cursors, struct slice message)
{
    struct buf answer = {0};
    struct err err = {0};
    int rv = remote_serve(call, cursors, message, &answer);
    MUST(rv == 0 || (rv == ERR_PROTO && answer.len == 0));
    MUST(rv != 0 || (is_whole(buf_view(&answer)) && (answer.data[0] == '*' || reader_error(buf_view(&answer), &err))));
    buf_close(&answer);
}

/* One after the other, so that what one opens another may read and close. */
static void as_questions(struct slice in)
{
    const struct store_request plain = {.user_id = 1};
    struct store *s = open_once();
    struct remote_cursors cursors = {0};
    struct call call = {
        .ops = &ops, .store = s, .plugin = "notes", .command = "notes.x", .user = "wang", .scope = "/", .write = true};
    if (memmem(in.data, in.len, "recursive", 9) || memmem(in.data, in.len, "RECURSIVE", 9))
        return; /* may never end */
    MUST(store_batch_begin(s, NULL) == STORE_OK && store_command_begin(s, &plain, NULL, NULL) == STORE_NEW);
    store_limits(s, 100, 100000, 0);
    while (in.len > 0) {
        const long n = reader_measure(in);
        const size_t len = n > 0 ? (size_t)n : in.len;
        serve(&call, &cursors, (struct slice){in.data, len});
        in = (struct slice){in.data + len, in.len - len};
    }
    store_remote_close_all(&cursors);
    store_limits(s, 0, 0, 0);
    MUST(store_batch_alive(s) && store_command_abort(s) == 0);
    store_batch_abort(s);
}

/* Whatever is declared: it fits, or that is said. */
static void fit(struct slice reply)
{
    static const char *const declared[] = {"any",  "text", "int",       "json",  "date",
                                           "blob", "bool", "[{a:any}]", "[int]", "{a:text, b:{a:int, b:any}}"};
    static struct shape *shapes[sizeof(declared) / sizeof(declared[0])];
    for (size_t i = 0; i < sizeof(declared) / sizeof(declared[0]); i++) {
        struct err err = {0};
        MUST(shapes[i] || shape_parse(declared[i], &shapes[i], NULL) == 0);
        const int rv = shape_fits(shapes[i], reply, &err);
        MUST(rv == 0 || (rv == ERR_INTERNAL && err.text[0]));
    }
}

static void as_result(struct slice in)
{
    struct buf reply = {0}, json = {0};
    struct err err = {0};
    const int rv = remote_take_result(in, 1 << 16, &reply, &err);
    MUST(rv <= 0 && (rv == 0 || reply.len == 0));
    if (rv == 0) {
        MUST(is_whole(buf_view(&reply)) && !reader_error(buf_view(&reply), &err));
        MUST(!reader_is_replayed(buf_view(&reply)) || reply.data[0] == '%' || reply.data[0] == '*');
        fit(buf_view(&reply));
        render_json(buf_view(&reply), &json);
    }
    buf_close(&reply);
    buf_close(&json);
}

static void as_task(struct slice in)
{
    static struct remote_received task;
    char *copy = malloc(in.len + 1); /* its bytes are changed */
    MUST(copy);
    memcpy(copy, in.data, in.len);
    if (remote_take_task((struct slice){copy, in.len}, &task) == 0) {
        MUST(task.name.data > copy && task.name.data + task.name.len < copy + in.len);
        MUST(task.nargs >= 0 && task.nargs <= 256 && task.facts.user && task.facts.scope && task.facts.lang);
        MUST(strlen(task.facts.user) + strlen(task.facts.scope) + strlen(task.facts.lang) < in.len);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct slice in = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 'q' % 3:
        as_questions(in);
        break;
    case 'r' % 3:
        as_result(in);
        break;
    case 's' % 3: /* something to run */
        as_task(in);
    }
    return 0;
}
