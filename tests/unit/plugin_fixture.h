/* A small world to run plugins in: plugins written by the test into a fresh folder, a registry, a store, one lane's
 * runtime, and a host that knows nested calls, series and settings. One world at a time. */
#ifndef MUSTER_TESTS_PLUGIN_FIXTURE_H
#define MUSTER_TESTS_PLUGIN_FIXTURE_H

#include "base/clock.h"
#include "plugin/args.h"
#include "plugin/kit.h"
#include "plugin/runtime.h"
#include "store/migrate.h"
#include "wire/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char dir[64];
    struct registry *registry;
    struct store *store;
    struct runtime *runtime;
    struct runtime_limits limits;
    int64_t series;
    struct buf out, emitted;
    struct err err;
    const char *lang, *scope;
};

/* ThreadSanitizer holds signals back until the program next allocates or waits, so a script that does neither can't be
 * stopped under it; and a process takes a second to end. */
static inline bool signals_are_late(void)
{
    const char *sanitize = getenv("MUSTER_SANITIZE");
    return sanitize && strcmp(sanitize, "thread") == 0;
}

static inline void skip_with_late_signals(void)
{
    if (signals_are_late())
        skip();
}

/* A group's setup and teardown. */
static inline int start_watchdog(void **state)
{
    (void)state;
    return watchdog_start(NULL);
}

static inline int stop_watchdog(void **state)
{
    (void)state;
    watchdog_stop();
    return 0;
}

static inline void put_file(const char *dir, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static inline void world_open(struct world *w)
{
    *w = (struct world){.lang = "en", .scope = "/"};
    strcpy(w->dir, "/tmp/muster-plugin-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    put_file(w->dir, "plugins/.keep", "");
    put_file(w->dir, "lib/.keep", "");
}

/* A plugin whose init.lua is `init`; `more` are further fields of its manifest. */
static inline void world_plugin(struct world *w, const char *name, const char *more, const char *init)
{
    char text[1000], path[200];
    snprintf(text, sizeof(text), "return { name = '%s', version = '1.0.0', api = 1, summary = 'Test.', %s }", name,
             more);
    snprintf(path, sizeof(path), "plugins/%s/manifest.lua", name);
    put_file(w->dir, path, text);
    snprintf(path, sizeof(path), "plugins/%s/init.lua", name);
    put_file(w->dir, path, init);
}

static inline int world_load(struct world *w, const struct native_command *const *host)
{
    char plugins[200], lib[200];
    snprintf(plugins, sizeof(plugins), "%s/plugins", w->dir);
    snprintf(lib, sizeof(lib), "%s/lib", w->dir);
    struct registry_sources sources = {.plugins_dir = plugins, .lib_dir = lib, .host = host};
    return registry_load(&sources, 1, &w->registry, &w->err);
}

static inline void world_start(struct world *w, const struct native_command *const *host)
{
    char db[200];
    if (world_load(w, host) != 0)
        fail_msg("%s", w->err.text);
    snprintf(db, sizeof(db), "%s/db", w->dir);
    struct store_options options = {.path = db};
    if (store_open(&options, STORE_WRITER, &w->store, &w->err) != 0)
        fail_msg("%s", w->err.text);
    assert_int_equal(migrate_host(w->store, &w->err) < 0, 0);
    const struct plugin *const *plugins;
    for (int i = 0; i < registry_plugins(w->registry, &plugins); i++) {
        const struct migration *list;
        int n = registry_migrations(w->registry, plugins[i]->name, &list);
        if (migrate(w->store, plugins[i]->name, list, n, &w->err) < 0)
            fail_msg("%s", w->err.text);
    }
    assert_int_equal(watchdog_start(&w->err), 0);
    if (runtime_new(w->registry, &w->limits, &w->runtime, &w->err) != 0 ||
        runtime_attach(w->runtime, w->store, &w->err) != 0)
        fail_msg("%s", w->err.text);
}

static inline void world_close(struct world *w)
{
    runtime_free(w->runtime);
    if (w->runtime)
        watchdog_stop();
    store_close(w->store);
    registry_unref(w->registry);
    buf_close(&w->out);
    buf_close(&w->emitted);
    char command[200];
    snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
}

/* -- the host's side of a call -- */

static inline int host_words(const struct named_arg *args, int nargs, char texts[][4000], struct slice *words)
{
    for (int i = 0; i < nargs; i++) {
        int len = snprintf(texts[i], 4000, "%.*s=%.*s", (int)args[i].name.len, args[i].name.data, (int)args[i].text.len,
                           args[i].text.data);
        words[i] = (struct slice){texts[i], (size_t)len};
    }
    return nargs;
}

static inline struct call host_inner(struct call *call)
{
    struct call inner = *call;
    inner.depth = call->depth + 1;
    inner.outer = call;
    return inner;
}

static inline int host_invoke(struct call *call, struct slice name, const struct named_arg *args, int nargs,
                              struct buf *reply, struct err *err)
{
    struct world *w = call->lane;
    const struct command *c = registry_command(w->registry, name);
    if (!c)
        return err_set(err, ERR_NOCOMMAND, "no command %.*s", (int)name.len, name.data);
    char(*texts)[4000] = malloc(4000 * 20);
    struct slice words[20];
    struct named_arg named[20];
    struct bound bound = {.named_only = true};
    struct call inner = host_inner(call);
    inner.write = c->mode == MODE_WRITE;
    int rv = inner.depth > CALL_DEPTH_MAX ? err_set(err, ERR_LIMIT, "nested too deeply") : 0;
    if (rv == 0 && c->pure) {
        rv = kit_name_args(c, args, nargs, named, err);
        args = named;
    }
    if (rv == 0)
        rv = args_bind(c->args, c->nargs, c->mode, words, host_words(args, nargs, texts, words), &bound, err);
    if (rv == 0)
        rv = store_nested_begin(w->store, err);
    if (rv == 0) {
        rv = runtime_run(w->runtime, c, &inner, bound.values, c->timeout_ms, reply, err);
        if (store_nested_end(w->store, rv == 0, NULL) != 0 && rv == 0)
            rv = err_set(err, ERR_INTERNAL, "lost");
    }
    bound_close(&bound);
    free(texts);
    return rv;
}

static inline int host_figure(struct call *call, struct slice name, const struct named_arg *args, int nargs,
                              struct buf *reply, struct err *err)
{
    struct world *w = call->lane;
    const struct figure *f = registry_figure(w->registry, name);
    if (!f)
        return err_set(err, ERR_NOTFOUND, "no figure %.*s", (int)name.len, name.data);
    struct figure_query q = {.scope = call->scope, .as_of_ms = call->now_ms};
    char(*texts)[4000] = malloc(4000 * 20);
    struct slice words[20];
    struct bound bound = {.named_only = true};
    struct call inner = host_inner(call);
    inner.write = false;
    int rv = args_bind(f->args, f->nargs, MODE_READ, words, host_words(args, nargs, texts, words), &bound, err);
    if (rv == 0)
        rv = runtime_figure(w->runtime, f, &inner, &q, bound.values, reply, err);
    bound_close(&bound);
    free(texts);
    return rv;
}

static inline int host_next(struct call *call, struct slice series, int64_t *out, struct err *err)
{
    struct world *w = call->lane;
    if (series.len == 0)
        return err_set(err, ERR_ARG, "no series");
    *out = ++w->series;
    return 0;
}

static inline int host_setting(struct call *call, struct slice name, struct value *out, struct err *err)
{
    struct world *w = call->lane;
    const struct setting *s = registry_setting(w->registry, slice_of(call->plugin), name);
    struct buf scratch = {0};
    if (!s)
        return err_set(err, ERR_INTERNAL, "no setting %.*s", (int)name.len, name.data);
    return arg_value(&s->type, slice_of(s->type.default_text), &scratch, out, err);
}

static inline int host_emit(struct call *call, struct slice topic, struct slice json, struct err *err)
{
    struct world *w = call->lane;
    (void)err;
    buf_fmt(&w->emitted, "%.*s %.*s\n", (int)topic.len, topic.data, (int)json.len, json.data);
    return 0;
}

static inline int host_unit_path(struct call *call, struct slice code, struct buf *path, struct err *err)
{
    (void)call;
    if (!slice_is(code, "YL"))
        return err_set(err, ERR_NOTFOUND, "no unit");
    return buf_text(path, "/YL/");
}

static inline int host_unit_set(struct call *call, struct slice code, struct slice parent, struct err *err)
{
    struct world *w = call->lane;
    (void)err;
    buf_fmt(&w->emitted, "unit %.*s in %.*s\n", (int)code.len, code.data, (int)parent.len, parent.data);
    return 0;
}

static inline const char *host_translate(struct call *call, const char *fmt)
{
    struct world *w = call->lane;
    const char *found = registry_translate(w->registry, call->plugin, call->lang, fmt);
    return found ? found : fmt;
}

static const struct call_ops host_ops = {host_invoke, host_figure,   host_next,      host_setting,
                                         host_emit,   host_unit_set, host_unit_path, host_translate};

static inline struct call world_call(struct world *w, bool write)
{
    return (struct call){.ops = &host_ops,
                         .lane = w,
                         .store = w->store,
                         .now_ms = 1581300000000,
                         .received_ms = 1581300000000,
                         .user = "wang",
                         .person = "M001",
                         .lang = w->lang,
                         .scope = w->scope,
                         .zone_min = 480,
                         .write = write};
}

/* Run `command` with words in a transaction of its own. 0 with w->out the reply as JSON text, or the code. */
static inline int world_run(struct world *w, const char *command, const struct slice *words, int nwords)
{
    const struct command *c = registry_command(w->registry, slice_of(command));
    if (!c)
        fail_msg("no command %s", command);
    struct bound bound = {0};
    struct buf reply = {0};
    struct store_request request = {.at_ms = 1};
    w->err = (struct err){0};
    buf_clear(&w->out);
    int rv = args_bind(c->args, c->nargs, c->mode, words, nwords, &bound, &w->err);
    if (rv == 0) {
        assert_int_equal(store_batch_begin(w->store, NULL), STORE_OK);
        assert_int_equal(store_command_begin(w->store, &request, &reply, NULL), STORE_NEW);
        struct call call = world_call(w, c->mode == MODE_WRITE);
        rv = runtime_run(w->runtime, c, &call, bound.values, c->timeout_ms, &reply, &w->err);
        /* An interrupted INSERT may take the whole transaction with it; lanes replay the others, here there are none.
         */
        if (rv == 0)
            assert_int_equal(store_command_end(w->store, &request, buf_view(&reply), NULL), 0);
        if (rv != 0 && store_command_abort(w->store) == STORE_LOST)
            store_batch_abort(w->store);
        else
            assert_int_equal(store_batch_commit(w->store, NULL), STORE_OK);
        if (rv == 0)
            assert_int_equal(render_json(buf_view(&reply), &w->out), 0);
        else
            assert_int_equal(reply.len, 0);
    }
    assert_int_equal(rv, w->err.code);
    buf_close(&reply);
    bound_close(&bound);
    return rv;
}

/* As world_run, with up to four words given as C strings (NULL ends them); the JSON text of the reply, or "CODE rule:
 * text". */
static inline const char *world_ask(struct world *w, const char *command, const char *a, const char *b, const char *c)
{
    const char *texts[] = {a, b, c};
    struct slice words[3] = {{0}};
    int n = 0;
    while (n < 3 && texts[n]) {
        words[n] = slice_of(texts[n]);
        n++;
    }
    if (world_run(w, command, words, n) != 0) {
        buf_clear(&w->out);
        buf_fmt(&w->out, "%s %s: %s", err_token(w->err.code), w->err.rule, w->err.text);
    }
    return buf_cstr(&w->out);
}

#endif
