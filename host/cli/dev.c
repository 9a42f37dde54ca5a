#include "cli/dev.h"

#include "cli/tool.h"
#include "net/ask.h"
#include "net/program.h"
#include "net/watch.h"
#include "plugin/live.h"
#include "wire/render.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From a saved file to running code, all on the loop's thread, each step begun by the end of the one before:
 *
 *   saved ─► `muster plugin build` of each folder with C files ─► plugin.stage kind=reload ─► plugin.activate
 *     ▲          │ refused                                            │ refused                   │
 *     │          ▼                                                    ▼                           ▼
 *     │       what the compiler says            what `muster plugin check` says, or         one line: what changed
 *     │          │                              else the refusal                                  │
 *     └──────────┴────────────────────────────────────┴────────────────◄── the errors that check finds anyway
 *
 * So a plugin comes the same way as a package that is installed, dry run and all; until the last step is done, and
 * whenever one is refused, the old code answers. What is saved meanwhile is taken up afterwards. */

enum { QUIET_MS = 100, LIMIT_MS = 60 * 1000, PROGRAM_BYTES = 1024 };

struct dev {
    uv_loop_t *loop;
    struct server *server;
    const char *dir;
    char program[PROGRAM_BYTES];
    struct watch *watch;
    struct live live;
    int at; /* the plugin that is compiled or checked */
    bool busy, again;
    char saved[300]; /* "init.lua was saved", for the report */
    uint64_t saved_ms;
    char later[300]; /* the same of what happened meanwhile */
    uint64_t later_ms;
    bool changed[LIVE_PLUGINS_MAX]; /* by the stage */
    struct buf changes;             /* … in words */
    struct err refused;             /* why it cannot run; code 0: it runs */
    bool told;                      /* … and check has said so, with the line */
};

static const char *const endings[] = {".lua", ".c", ".h", ".sql", NULL};

static void begin(struct dev *d);

static void finish(struct dev *d)
{
    fflush(stdout);
    d->busy = false;
    if (!d->again)
        return;
    d->again = false;
    snprintf(d->saved, sizeof(d->saved), "%s", d->later);
    d->saved_ms = d->later_ms;
    begin(d);
}

static void tell_refused(const struct dev *d)
{
    printf("dev: %s, but cannot run like this; the code before goes on\n", d->saved);
    fflush(stdout);
}

/* `muster plugin TOOL DIR` for the plugin at d->at; it finds those that it requires among the others, if it looks. */
static int start_tool(struct dev *d, const char *tool, bool looks,
                      void (*ended)(void *arg, int status, struct slice said))
{
    char *argv[5 + 2 * LIVE_PLUGINS_MAX] = {d->program, "plugin", (char *)(uintptr_t)tool,
                                            d->live.plugins[d->at].folder};
    struct err err = {0};
    for (int i = 0, n = 4; looks && i < d->live.count; i++)
        if (i != d->at) {
            argv[n++] = "--with";
            argv[n++] = d->live.plugins[i].folder;
        }
    int rv = program_start(d->loop, argv, LIMIT_MS, ended, d, &err);
    if (rv != 0)
        printf("dev: %s\n", err.text);
    return rv;
}

/* -- what check says -- */

/* The lines about errors; its warnings are for the day on which the plugin is packed. */
static int print_errors(struct slice said)
{
    int count = 0;
    for (const char *p = said.data, *end = said.data + said.len; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((stop ? stop : end) - p);
        if (memmem(p, len, ": error: ", 9)) {
            printf("  %.*s\n", (int)len, p);
            count++;
        }
        p += len + 1;
    }
    return count;
}

const char *dev_advice(const struct err *refused)
{
    if (strcmp(refused->rule, "migration.changed") != 0)
        return "";
    return "\n  While nobody else has it: restore its text, with a .down.sql beside it that undoes it; then, while `muster "
           "serve --dev` runs, move both files away and put them back changed. Or begin with a fresh data folder.";
}

/* Has check said the same? It has its own words for what Lua does not understand, and for what is no text; of all else it
 * has the host's. */
static bool has_told(const struct err *refused, struct slice said)
{
    if (strcmp(refused->rule, "file.text") == 0 ||
        (strncmp(refused->text, "plugin ", 7) == 0 && strstr(refused->text, ".lua:")))
        return true;
    const char *place = strstr(refused->text, ": "), *words = place ? place + 2 : refused->text;
    return memmem(said.data, said.len, words, strlen(words)) != NULL;
}

static void check_next(struct dev *d);

static void on_checked(void *arg, int status, struct slice said)
{
    struct dev *d = arg;
    if (status != 0 && print_errors(said) > 0)
        d->told |= has_told(&d->refused, said);
    d->at++;
    check_next(d);
}

static void check_next(struct dev *d)
{
    while (d->refused.code == 0 && d->at < d->live.count && !d->changed[d->at])
        d->at++; /* its author was told when it was saved */
    if (d->at < d->live.count && start_tool(d, "check", true, on_checked) == 0)
        return;
    if (d->refused.code != 0 && !d->told)
        printf("  %s%s\n", d->refused.text, dev_advice(&d->refused));
    finish(d);
}

static void check_all(struct dev *d, const struct err *refused)
{
    d->refused = refused ? *refused : (struct err){0};
    d->told = false;
    d->at = 0;
    if (refused)
        tell_refused(d);
    check_next(d);
}

/* -- into the server -- */

static const char *text_of(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}

/* "," and the commands, each with what happens to it. */
static void add_commands(struct buf *out, const json_t *plan)
{
    static const char *const kinds[][2] = {
        {"commands_added", "+"}, {"commands_removed", "-"}, {"commands_changed", "~"}};
    const char *comma = ",";
    size_t i;
    json_t *name;
    for (int k = 0; k < 3; k++)
        json_array_foreach(json_object_get(plan, kinds[k][0]), i, name)
        {
            buf_fmt(out, "%s %s%s", comma, kinds[k][1], json_string_value(name));
            comma = "";
        }
}

/* "hello 0.1.0, +hello.bye -hello.hi, migration 002_more applied" */
static void describe(const json_t *plan, struct buf *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(plan, "changes"), i, item)
    {
        const char *from = text_of(item, "from"), *to = text_of(item, "to");
        bool moved = *from && strcmp(from, to) != 0;
        buf_fmt(out, "%s%s %s%s%s", i ? ", " : "", text_of(item, "name"), moved ? from : "", moved ? " → " : "",
                *to ? to : "ends");
    }
    add_commands(out, plan);
    json_array_foreach(json_object_get(plan, "migrations"), i, item)
        buf_fmt(out, ", migration %s %s", text_of(item, "migration"),
                strcmp(text_of(item, "action"), "undo") == 0 ? "undone" : "applied");
}

static void on_activated(void *arg, struct slice reply, const struct err *err)
{
    struct dev *d = arg;
    (void)reply;
    if (!err)
        printf("dev: %s; runs %llu ms after %s\n", buf_cstr(&d->changes),
               (unsigned long long)(uv_now(d->loop) - d->saved_ms), d->saved);
    fflush(stdout);
    check_all(d, err);
}

static void note_changed(struct dev *d, const json_t *plan)
{
    size_t k;
    json_t *change;
    for (int i = 0; i < d->live.count; i++) {
        d->changed[i] = false;
        json_array_foreach(json_object_get(plan, "changes"), k, change) d->changed[i] |=
            strcmp(text_of(change, "name"), d->live.plugins[i].name) == 0;
    }
}

static int64_t take_plan(struct dev *d, struct slice reply)
{
    struct buf text = {0};
    render_json(reply, &text);
    json_t *plan = json_loadb(text.data, text.len, 0, NULL);
    int64_t stage = json_integer_value(json_object_get(plan, "stage"));
    buf_clear(&d->changes);
    describe(plan, &d->changes);
    note_changed(d, plan);
    json_decref(plan);
    buf_close(&text);
    return stage;
}

static void ask(struct dev *d, const char *command, const char *arg, server_answer answer)
{
    const struct slice words[] = {slice_of(command), slice_of(arg)};
    struct err err = {0};
    if (server_ask(d->server, words, 2, answer, d, &err) != 0)
        answer(d, (struct slice){"", 0}, &err);
}

static void on_staged(void *arg, struct slice reply, const struct err *err)
{
    struct dev *d = arg;
    char stage[48];
    if (err && strcmp(err->rule, "plugin.nothing") == 0) {
        printf("dev: %s; nothing has changed in what runs\n", d->saved);
        finish(d);
    } else if (err) {
        check_all(d, err);
    } else {
        snprintf(stage, sizeof(stage), "stage=%lld", (long long)take_plan(d, reply));
        ask(d, "plugin.activate", stage, on_activated);
    }
}

/* -- compiling -- */

static void build_next(struct dev *d);

static void on_built(void *arg, int status, struct slice said)
{
    struct dev *d = arg;
    if (status != 0)
        tell_refused(d);
    printf("%.*s", (int)said.len, said.data); /* warnings, too */
    if (status == 0) {
        d->at++;
        build_next(d);
    } else {
        finish(d);
    }
}

static void build_next(struct dev *d)
{
    while (d->at < d->live.count && !d->live.plugins[d->at].c_files)
        d->at++;
    if (d->at == d->live.count)
        ask(d, "plugin.stage", "kind=reload", on_staged);
    else if (start_tool(d, "build", false, on_built) != 0)
        finish(d);
}

static void begin(struct dev *d)
{
    struct err err = {0};
    d->busy = true;
    d->at = 0;
    if (live_find(d->dir, &d->live, &err) == 0) {
        build_next(d);
    } else {
        printf("dev: %s; the code before goes on, until the folder is back\n", err.text);
        finish(d);
    }
}

static void on_saved(void *arg, const char *what, uint64_t at_ms)
{
    struct dev *d = arg;
    if (!d->busy) {
        snprintf(d->saved, sizeof(d->saved), "%s", what);
        d->saved_ms = at_ms;
        begin(d);
    } else if (!d->again) {
        d->again = true;
        snprintf(d->later, sizeof(d->later), "%s", what);
        d->later_ms = at_ms;
    }
}

/* -- start and end -- */

int dev_build(const char *dir, struct err *err)
{
    struct live live;
    int rv = live_find(dir, &live, err);
    for (int i = 0; rv == 0 && i < live.count; i++)
        rv = plugin_build(live.plugins[i].folder, false, NULL, err);
    return rv;
}

int dev_start(uv_loop_t *loop, struct server *server, const char *dir, struct dev **out, struct err *err)
{
    struct dev *d = mem_zalloc(sizeof(*d));
    d->loop = loop;
    d->server = server;
    d->dir = dir;
    ssize_t len = readlink("/proc/self/exe", d->program, sizeof(d->program) - 1);
    int rv = len > 0 ? watch_open(loop, dir, endings, QUIET_MS, on_saved, d, &d->watch, err)
                     : err_set(err, ERR_IO, "/proc/self/exe cannot be read");
    if (rv == 0)
        *out = d;
    else
        free(d);
    return rv;
}

void dev_free(struct dev *d)
{
    if (!d)
        return;
    watch_close(d->watch);
    buf_close(&d->changes);
    free(d);
}
