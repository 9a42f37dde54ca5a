#include "plugin/native.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "plugin/args.h"
#include "script/binding.h"
#include "script/jsontext.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <stdlib.h>
#include <string.h>

/* What a C plugin gets of the host: `struct muster_host`, built on the same struct call that Lua's bindings use.
 *
 * A running command is a struct muster_call on the lane's stack. Its first failure is noted and sticks: whatever the
 * plugin goes on to do, the command fails with it, so nobody has to check every reply function. Memory, rows and texts
 * of the command belong to it and end with it. A pure command has no call.db and no host behind it: a function that it
 * may not use fails it, in whatever process it runs.
 *
 * The lane's thread runs all of it. Nothing can interrupt C code: `stopped` tells the time, and one that does not ask
 * ends its process by the watchdog. */

enum { ALLOC_BYTES_MAX = 64 * 1024 * 1024, ROWS_MAX = 16, CHUNK_BYTES = 2048 };

/* Memory of one command, or of one row. */
struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct muster_rows {
    struct cursor *cursor; /* NULL: this place is free */
    struct chunk *texts;   /* of the row */
    int columns;
    bool on_row;
};

struct muster_call {
    struct call *call;
    struct reply *reply;
    bool pure;
    struct err err; /* the first failure; code 0: none */
    struct chunk *chunks;
    size_t taken;
    int nrows; /* places of `rows` that were used */
    struct muster_rows rows[ROWS_MAX];
};

/* -- memory -- */

static void *take(struct chunk **list, size_t size)
{
    size = (size + 15) / 16 * 16;
    struct chunk *c = *list;
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        c = mem_alloc(sizeof(*c) + room);
        *c = (struct chunk){.next = *list, .size = room};
        *list = c;
    }
    void *out = c->bytes + c->used;
    c->used += size;
    return out;
}

/* Free all of it but one chunk of ordinary size, which is emptied, if `keep`. */
static void drop(struct chunk **list, bool keep)
{
    struct chunk *kept = NULL;
    while (*list) {
        struct chunk *c = *list;
        *list = c->next;
        if (keep && !kept && c->size == CHUNK_BYTES) {
            kept = c;
            kept->next = NULL;
            kept->used = 0;
        } else {
            free(c);
        }
    }
    *list = kept;
}

/* A copy with a NUL behind it. */
static struct muster_text copy_text(struct chunk **list, struct slice text)
{
    char *out = take(list, text.len + 1);
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return (struct muster_text){out, text.len};
}

/* -- failing -- */

/* Where the next failure is to be written: NULL when there is one already. */
static struct err *note(struct muster_call *m)
{
    return m->err.code == 0 ? &m->err : NULL;
}

static int failed(struct muster_call *m, const char *why)
{
    err_set(note(m), ERR_INTERNAL, "plugin %s, command %s: %s", m->call->plugin, m->call->command, why);
    return MUSTER_FAILED;
}

/* Keep what a function of the host refused. */
static int refused(struct muster_call *m, int rv, const struct err *err)
{
    if (m->err.code == 0) {
        m->err = *err;
        m->err.code = rv;
    }
    return MUSTER_FAILED;
}

/* May it be used at all? Not by pure commands, and not after a failure. */
static bool may(struct muster_call *m, const char *function)
{
    if (m->pure)
        err_set(note(m), ERR_INTERNAL, "plugin %s, command %s: a pure command may not use `%s`", m->call->plugin,
                m->call->command, function);
    return m->err.code == 0;
}

/* Facts are asked for with a const call; the failure is ours to note all the same. */
static bool may_know(const struct muster_call *m, const char *fact)
{
    return !m->pure || may((struct muster_call *)(uintptr_t)m, fact);
}

/* -- facts -- */

static int64_t host_now(const struct muster_call *m)
{
    return may_know(m, "now") ? m->call->now_ms : 0;
}

static const char *host_user(const struct muster_call *m)
{
    return may_know(m, "user") ? m->call->user : "";
}

static const char *host_person(const struct muster_call *m)
{
    return may_know(m, "person") ? m->call->person : NULL;
}

static const char *host_lang(const struct muster_call *m)
{
    return may_know(m, "lang") ? m->call->lang : "en";
}

static const char *host_scope(const struct muster_call *m)
{
    return may_know(m, "scope") ? m->call->scope : "/";
}

static int host_zone_min(const struct muster_call *m)
{
    return may_know(m, "zone_min") ? m->call->zone_min : 0;
}

static int host_stopped(const struct muster_call *m)
{
    return m->call->deadline_ns != 0 && clock_mono_ns() >= m->call->deadline_ns;
}

/* -- memory, log, refusal -- */

static void *host_alloc(struct muster_call *m, size_t size)
{
    if (m->err.code != 0)
        return NULL;
    if (size > ALLOC_BYTES_MAX || m->taken > ALLOC_BYTES_MAX - size) {
        err_rule(&m->err, ERR_LIMIT, "limit.memory", NULL,
                 "plugin %s, command %s: it needs more than %d MiB of memory; nothing was kept; ask for less at once",
                 m->call->plugin, m->call->command, ALLOC_BYTES_MAX / (1024 * 1024));
        return NULL;
    }
    /* Nothing at all counts, too: else it would be without bound. */
    m->taken += size + 16;
    return memset(take(&m->chunks, size + 1), 0, size);
}

static void host_log(struct muster_call *m, int level, const char *text)
{
    if (!may(m, "log") || !text)
        return;
    const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    log_write(level >= MUSTER_DEBUG && level <= MUSTER_ERROR ? levels[level] : LOG_INFO, "plugin", "%s, %s: %s",
              m->call->plugin, m->call->command, text);
}

/* Put the items into a format of %s and %%. Anything else there is a mistake of the plugin. */
static bool format(const char *fmt, const char *const *items, int nitems, struct buf *out)
{
    int used = 0;
    for (const char *p = fmt; *p;) {
        size_t n = strcspn(p, "%");
        buf_append(out, p, n);
        p += n;
        if (*p == '\0')
            break;
        if (p[1] == '%')
            buf_byte(out, '%');
        else if (p[1] == 's' && used < nitems)
            buf_text(out, items[used] ? items[used] : "");
        else
            return false;
        used += p[1] == 's';
        p += 2;
    }
    return used == nitems;
}

static int fail_code(const char *token)
{
    static const int codes[] = {ERR_ARG, ERR_NOTFOUND, ERR_CONFLICT, ERR_STATE, ERR_POLICY, ERR_DUP, ERR_LIMIT};
    for (size_t i = 0; token && i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(token, err_token(codes[i])) == 0)
            return codes[i];
    return ERR_INTERNAL;
}

static int host_fail(struct muster_call *m, const char *code, const char *rule, const char *arg, const char *english,
                     const char *const *items, int nitems)
{
    if (m->err.code != 0)
        return MUSTER_FAILED;
    if (!english)
        return failed(m, "it refused without a text");
    if (nitems < 0 || !items)
        nitems = 0;
    const struct call_ops *ops = m->call->ops;
    const char *text = ops && ops->translate ? ops->translate(m->call, english) : NULL;
    if (!text || !binding_same_items(english, text))
        text = english;
    struct buf out = {0};
    if (!format(text, items, nitems, &out) || !utf8_valid(buf_view(&out)))
        failed(m, "it refused with a text that does not take its items (%s only), or is not UTF-8");
    else
        err_rule(&m->err, fail_code(code), rule, arg, "%s", buf_cstr(&out));
    buf_close(&out);
    return MUSTER_FAILED;
}

/* -- database -- */

/* A parameter as the store takes it; JSON is text to a database. */
static bool bind_one(const struct muster_value *in, struct value *out)
{
    const struct slice s = {in->s.data ? in->s.data : "", in->s.data ? in->s.len : 0};
    switch (in->type) {
    case MUSTER_NULL:
        *out = value_null();
        return true;
    case MUSTER_BOOL:
        *out = value_int(in->i != 0);
        return true;
    case MUSTER_INT:
        *out = value_int(in->i);
        return true;
    case MUSTER_DOUBLE:
        *out = (struct value){.type = VALUE_DOUBLE, .d = in->d};
        return true;
    case MUSTER_TEXT:
    case MUSTER_JSON:
        *out = value_text(s);
        return utf8_valid(s);
    case MUSTER_BLOB:
        *out = (struct value){.type = VALUE_BLOB, .s = s};
        return true;
    default:
        return false;
    }
}

/* The parameters of a statement, in the memory of the call; NULL with the call failed. */
static struct value *bind(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs)
{
    if (!sql || nargs < 0 || nargs > 1000 || (nargs > 0 && !args)) {
        failed(m, "a statement without a text, or with a wrong number of parameters");
        return NULL;
    }
    struct value *out = take(&m->chunks, (size_t)nargs * sizeof(*out) + 1);
    for (int i = 0; i < nargs; i++)
        if (!bind_one(&args[i], &out[i])) {
            failed(m, "a parameter of a statement has no type of muster.h, or its text is not UTF-8");
            return NULL;
        }
    return out;
}

static int host_run(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs,
                    int64_t *changes)
{
    struct err err = {0};
    int64_t count = 0;
    if (!may(m, "run"))
        return MUSTER_FAILED;
    const struct value *values = bind(m, sql, args, nargs);
    if (!values)
        return MUSTER_FAILED;
    int rv = store_exec(m->call->store, m->call->plugin, slice_of(sql), values, nargs, &count, &err);
    if (rv != 0)
        return refused(m, rv, &err);
    if (changes)
        *changes = count;
    return MUSTER_OK;
}

static int host_query(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs,
                      struct muster_rows **out)
{
    struct err err = {0};
    if (!out)
        return failed(m, "query: no place for the rows");
    *out = NULL;
    if (!may(m, "query"))
        return MUSTER_FAILED;
    const struct value *values = bind(m, sql, args, nargs);
    if (!values)
        return MUSTER_FAILED;
    struct muster_rows *rows = NULL;
    for (int i = 0; i < m->nrows && !rows; i++)
        if (!m->rows[i].cursor)
            rows = &m->rows[i];
    if (!rows && m->nrows < ROWS_MAX) {
        rows = &m->rows[m->nrows++];
        *rows = (struct muster_rows){0};
    }
    if (!rows)
        return failed(m, "query: at most 16 results are read at a time; finish one first");
    int rv = store_query(m->call->store, m->call->plugin, slice_of(sql), values, nargs, &rows->cursor, &err);
    if (rv != 0) {
        rows->cursor = NULL;
        return refused(m, rv, &err);
    }
    rows->columns = cursor_columns(rows->cursor);
    rows->on_row = false;
    *out = rows;
    return MUSTER_OK;
}

static int host_step(struct muster_call *m, struct muster_rows *rows)
{
    struct err err = {0};
    if (!may(m, "step"))
        return MUSTER_FAILED;
    if (!rows || !rows->cursor)
        return failed(m, "step: these rows are finished");
    drop(&rows->texts, true);
    int rv = cursor_step(rows->cursor, &err);
    rows->on_row = rv == 1;
    return rv < 0 ? refused(m, rv, &err) : rv;
}

static int host_columns(struct muster_call *m, struct muster_rows *rows)
{
    return may(m, "columns") && rows && rows->cursor ? rows->columns : 0;
}

static void give(struct chunk **texts, const struct value *v, struct muster_value *out)
{
    *out = (struct muster_value){.type = MUSTER_NULL};
    switch (v->type) {
    case VALUE_NULL:
        return;
    case VALUE_INT:
    case VALUE_BOOL:
        out->type = v->type == VALUE_INT ? MUSTER_INT : MUSTER_BOOL;
        out->i = v->i;
        return;
    case VALUE_DOUBLE:
        out->type = MUSTER_DOUBLE;
        out->d = v->d;
        return;
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BLOB:
        out->type = v->type == VALUE_TEXT ? MUSTER_TEXT : v->type == VALUE_JSON ? MUSTER_JSON : MUSTER_BLOB;
        out->s = texts ? copy_text(texts, v->s) : (struct muster_text){v->s.data, v->s.len};
        return;
    }
}

static void host_column(struct muster_call *m, struct muster_rows *rows, int column, struct muster_value *out)
{
    struct value v;
    *out = (struct muster_value){.type = MUSTER_NULL};
    if (!may(m, "column"))
        return;
    if (!rows || !rows->cursor || !rows->on_row || column < 0 || column >= rows->columns) {
        failed(m, "column: there is no such column, or no row; step first");
        return;
    }
    cursor_value(rows->cursor, column, &v);
    give(&rows->texts, &v, out);
}

static void close_rows(struct muster_rows *rows)
{
    cursor_close(rows->cursor);
    rows->cursor = NULL;
    drop(&rows->texts, false);
}

static void host_finish(struct muster_call *m, struct muster_rows *rows)
{
    (void)m;
    if (rows && rows->cursor)
        close_rows(rows);
}

/* -- the reply -- */

static void host_reply_null(struct muster_call *m)
{
    reply_null(m->reply);
}

static void host_reply_bool(struct muster_call *m, int value)
{
    reply_bool(m->reply, value != 0);
}

static void host_reply_int(struct muster_call *m, int64_t value)
{
    reply_int(m->reply, value);
}

static void host_reply_text(struct muster_call *m, struct muster_text text)
{
    const struct slice s = {text.data ? text.data : "", text.data ? text.len : 0};
    if (utf8_valid(s))
        reply_text(m->reply, s);
    else
        failed(m, "reply_text: the text is not UTF-8, or has a NUL inside; bytes go with reply_blob");
}

static void host_reply_blob(struct muster_call *m, struct muster_text bytes)
{
    reply_blob(m->reply, (struct slice){bytes.data ? bytes.data : "", bytes.data ? bytes.len : 0});
}

static void host_reply_array_open(struct muster_call *m)
{
    reply_array_open(m->reply);
}

static void host_reply_map_open(struct muster_call *m)
{
    reply_map_open(m->reply);
}

static void host_reply_key(struct muster_call *m, const char *key)
{
    if (key && utf8_valid(slice_of(key)))
        reply_key(m->reply, key);
    else
        failed(m, "reply_key: no key, or not UTF-8");
}

static void host_reply_close(struct muster_call *m)
{
    reply_close(m->reply);
}

/* -- other plugins and the host -- */

/* The members of a JSON object as arguments: texts as they are, everything else as JSON; null is left out. */
static int gather(struct muster_call *m, const json_t *object, struct named_arg *args)
{
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterators take no const; nothing is changed */
    int n = 0;
    for (void *it = json_object_iter(members); it; it = json_object_iter_next(members, it)) {
        const json_t *value = json_object_iter_value(it);
        if (json_is_null(value))
            continue;
        args[n].name = slice_of(json_object_iter_key(it));
        if (json_is_string(value)) {
            args[n++].text = (struct slice){json_string_value(value), json_string_length(value)};
            continue;
        }
        struct buf text = {0};
        jsontext_put(value, &text);
        struct muster_text kept = copy_text(&m->chunks, buf_view(&text));
        buf_close(&text);
        args[n++].text = (struct slice){kept.data, kept.len};
    }
    return n;
}

typedef int ask(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                struct err *err);

/* Ask, and keep the answer as JSON text. */
static int converse(struct muster_call *m, ask *ask_host, const char *name, const json_t *object,
                    struct muster_text *result)
{
    struct named_arg *args = take(&m->chunks, json_object_size(object) * sizeof(*args) + 1);
    struct buf reply = {.max = m->reply->max_bytes}, json = {0};
    struct err err = {0};
    int rv = ask_host(m->call, slice_of(name), args, gather(m, object, args), &reply, &err);
    if (rv == 0 && reader_error(buf_view(&reply), &err))
        rv = err.code;
    if (rv == 0 && result) {
        rv = render_json(buf_view(&reply), &json);
        *result = rv == 0 ? copy_text(&m->chunks, buf_view(&json)) : (struct muster_text){NULL, 0};
        if (rv != 0)
            err_set(&err, rv, "the reply of %s can't be read", name);
    }
    buf_close(&reply);
    buf_close(&json);
    return rv ? refused(m, rv, &err) : MUSTER_OK;
}

static int request(struct muster_call *m, ask *ask_host, const char *what, const char *name, struct muster_text args,
                   struct muster_text *result)
{
    struct err err = {0};
    json_t *object = NULL;
    if (result)
        *result = (struct muster_text){NULL, 0};
    if (!may(m, what))
        return MUSTER_FAILED;
    if (!name)
        return failed(m, "invoke and figure need a name");
    const struct slice text = {args.data && args.len ? args.data : "{}", args.data && args.len ? args.len : 2};
    if (jsontext_parse(text, &object, &err) != 0 || !json_is_object(object)) {
        json_decref(object);
        return failed(m, "the arguments of invoke and figure are a JSON object, such as {\"name\": \"value\"}");
    }
    int rv = converse(m, ask_host, name, object, result);
    json_decref(object);
    return rv;
}

static int host_invoke(struct muster_call *m, const char *command, struct muster_text args, struct muster_text *result)
{
    return request(m, m->call->ops->invoke, "invoke", command, args, result);
}

static int host_figure(struct muster_call *m, const char *name, struct muster_text args, struct muster_text *result)
{
    return request(m, m->call->ops->figure, "figure", name, args, result);
}

static int host_next(struct muster_call *m, const char *series, int64_t *number)
{
    struct err err = {0};
    int64_t next = 0;
    if (!may(m, "next"))
        return MUSTER_FAILED;
    int rv = m->call->ops->next(m->call, slice_of(series), &next, &err);
    if (rv != 0)
        return refused(m, rv, &err);
    if (number)
        *number = next;
    return MUSTER_OK;
}

static int host_setting(struct muster_call *m, const char *name, struct muster_value *out)
{
    struct err err = {0};
    struct value v = value_null();
    *out = (struct muster_value){.type = MUSTER_NULL};
    if (!may(m, "setting"))
        return MUSTER_FAILED;
    int rv = m->call->ops->setting(m->call, slice_of(name), &v, &err);
    if (rv != 0)
        return refused(m, rv, &err);
    give(&m->chunks, &v, out);
    return MUSTER_OK;
}

static int host_emit(struct muster_call *m, const char *topic, struct muster_text json)
{
    struct err err = {0};
    struct buf text = {.max = 64 * 1024};
    json_t *payload = NULL;
    if (!may(m, "emit"))
        return MUSTER_FAILED;
    if (jsontext_parse((struct slice){json.data, json.data ? json.len : 0}, &payload, &err) != 0)
        return failed(m, "emit: the payload is not JSON");
    int rv = jsontext_put(payload, &text);
    json_decref(payload);
    rv = rv ? err_set(&err, ERR_TOOBIG, "emit: an event has at most 64 KiB of JSON")
            : m->call->ops->emit(m->call, slice_of(topic), buf_view(&text), &err);
    buf_close(&text);
    return rv ? refused(m, rv, &err) : MUSTER_OK;
}

static const struct muster_host native_host = {
    .size = sizeof(struct muster_host),
    .abi = MUSTER_ABI,
    .now = host_now,
    .user = host_user,
    .person = host_person,
    .lang = host_lang,
    .scope = host_scope,
    .zone_min = host_zone_min,
    .stopped = host_stopped,
    .alloc = host_alloc,
    .log = host_log,
    .fail = host_fail,
    .run = host_run,
    .query = host_query,
    .step = host_step,
    .columns = host_columns,
    .column = host_column,
    .finish = host_finish,
    .reply_null = host_reply_null,
    .reply_bool = host_reply_bool,
    .reply_int = host_reply_int,
    .reply_text = host_reply_text,
    .reply_blob = host_reply_blob,
    .reply_array_open = host_reply_array_open,
    .reply_map_open = host_reply_map_open,
    .reply_key = host_reply_key,
    .reply_close = host_reply_close,
    .invoke = host_invoke,
    .figure = host_figure,
    .next = host_next,
    .setting = host_setting,
    .emit = host_emit,
};

/* -- running -- */

/* How the command ended: by what was noted first, by what it returned, or by its reply. */
static int conclude(struct muster_call *m, int returned, struct err *err)
{
    if (m->err.code == 0 && returned != MUSTER_OK) {
        if (host_stopped(m))
            err_set(&m->err, ERR_TIMEOUT, "command %s: stopped at its deadline", m->call->command);
        else if (m->reply->code == 0)
            failed(m, "it failed and did not say why");
    }
    if (m->err.code == 0)
        return 0;
    if (err)
        *err = m->err;
    return m->err.code;
}

static void begin(struct muster_call *m, struct call *call, struct reply *reply, bool pure)
{
    m->call = call;
    m->reply = reply;
    m->pure = pure;
    m->err.code = 0;
    m->err.rule[0] = m->err.arg[0] = m->err.state[0] = m->err.allowed[0] = m->err.text[0] = '\0';
    m->chunks = NULL;
    m->taken = 0;
    m->nrows = 0;
}

static void end(struct muster_call *m)
{
    for (int i = 0; i < m->nrows; i++)
        if (m->rows[i].cursor)
            close_rows(&m->rows[i]);
    drop(&m->chunks, false);
}

int native_call(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct command *c = call->declared;
    const struct muster_command *own = c->native_data;
    struct muster_value values[NATIVE_ARGS_MAX + 1];
    struct muster_call m;
    if (!own->run)
        return err_set(err, ERR_INTERNAL, "plugin %s runs in a process of its own", c->plugin);
    begin(&m, call, reply, c->pure);
    for (int i = 0; i < c->nargs; i++)
        give(&m.chunks, &args[i], &values[i]);
    const size_t before = reply->out->len;
    int rv = conclude(&m, own->run(&native_host, &m, values), err);
    end(&m);
    if (rv == 0 && reply->code == 0 && reply->depth == 0 && reply->out->len > before) /* else it is refused anyway */
        rv = shape_fits(c->returns, (struct slice){reply->out->data + before, reply->out->len - before}, err);
    return rv;
}

int native_call_pure(const struct command *command, struct call *outer, const struct value *args, struct buf *out,
                     size_t max_bytes, struct err *err)
{
    const struct muster_command *own = command->native_data;
    struct muster_value values[NATIVE_ARGS_MAX + 1];
    struct call call = *outer;
    struct muster_call m;
    struct reply reply;
    call.plugin = command->plugin;
    call.command = command->name;
    call.declared = command;
    call.outer = outer;
    const size_t before = out->len;
    reply_begin(&reply, out, max_bytes);
    begin(&m, &call, &reply, true);
    for (int i = 0; i < command->nargs; i++)
        give(NULL, &args[i], &values[i]);
    int rv = conclude(&m, own->run(&native_host, &m, values), err);
    end(&m);
    if (rv == 0 && reply_finish(&reply) != 0)
        rv = reply.code == ERR_TOOBIG
                 ? err_rule(err, ERR_TOOBIG, "limit.reply", NULL, "command %s: its reply is longer than %zu KiB",
                            command->name, max_bytes / 1024)
                 : err_set(err, ERR_INTERNAL, "command %s: its reply is not one whole value", command->name);
    if (rv == 0)
        rv = shape_fits(command->returns, (struct slice){out->data + before, out->len - before}, err);
    if (rv != 0)
        buf_truncate(out, before);
    return rv;
}
