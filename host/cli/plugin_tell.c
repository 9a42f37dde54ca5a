#include "cli/cell.h"
#include "cli/plugin_link.h"
#include "cli/table.h"
#include "wire/render.h"

#include <stdio.h>
#include <string.h>

/* Plugins and generations as people look at them: what runs, from whom, and why something does not. Everything else is
 * in `show` and in --json. */

static const char *text_of(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}

static void add(struct table *t, const char *text)
{
    table_add(t, slice_of(text), false);
}

static void add_number(struct table *t, const json_t *map, const char *key, int unit)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(json_object_get(map, key)) / unit);
    table_add(t, slice_of(text), true);
}

static int print(struct table *t, int rows, struct err *err)
{
    struct buf out = {0};
    if (rows)
        table_write(t, &out);
    else
        buf_text(&out, "(none)\n");
    bool done = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_close(&out);
    table_close(t);
    return done ? 0 : err_set(err, ERR_IO, "cannot write to standard output");
}

static const char *from(const json_t *p)
{
    if (strcmp(text_of(p, "origin"), "bundled") == 0)
        return "the program";
    return text_of(p, "signer")[0] ? text_of(p, "signer") : "nobody signed it";
}

int tell_list(struct plugin_link *link, struct err *err)
{
    static const char *const head[] = {"name",   "version", "state",    "from",     "runs as", "calls",
                                       "errors", "time ms", "peak KiB", "requires", "why"};
    const struct slice word = SLICE("plugin.list");
    struct table t = {.columns = sizeof(head) / sizeof(*head)};
    json_t *list, *p, *other;
    size_t i, k;
    int rv = link_json(link, &word, 1, &list, err);
    for (i = 0; i < sizeof(head) / sizeof(*head); i++)
        add(&t, head[i]);
    json_array_foreach(list, i, p)
    {
        struct buf requires = {0};
        json_array_foreach(json_object_get(p, "requires"), k, other)
            buf_fmt(&requires, "%s%s", requires.len ? ", " : "", json_string_value(other));
        add(&t, text_of(p, "name"));
        add(&t, text_of(p, "version"));
        add(&t, text_of(p, "state"));
        add(&t, from(p));
        add(&t, text_of(p, "trust"));
        add_number(&t, p, "calls", 1);
        add_number(&t, p, "errors", 1);
        add_number(&t, p, "run_us", 1000);
        add_number(&t, p, "memory_peak", 1024);
        add(&t, requires.len ? buf_cstr(&requires) : "");
        add(&t, text_of(p, "why"));
        buf_close(&requires);
    }
    if (rv == 0)
        rv = print(&t, (int)json_array_size(list), err);
    else
        table_close(&t);
    json_decref(list);
    return rv;
}

/* Packages by name; what came with the program is counted. */
static void put_plugins(const json_t *generation, struct buf *out)
{
    size_t i;
    const json_t *p;
    int bundled = 0;
    json_array_foreach(json_object_get(generation, "plugins"), i, p)
    {
        const char *off = text_of(p, "off");
        if (!*off && strcmp(text_of(p, "origin"), "bundled") == 0) {
            bundled++;
            continue;
        }
        buf_fmt(out, "%s%s %s%s%s%s", out->len ? ", " : "", text_of(p, "name"), text_of(p, "version"),
                *off ? " (off: " : "", off, *off ? ")" : "");
    }
    if (bundled)
        buf_fmt(out, "%s%d of the program", out->len ? ", and " : "", bundled);
}

static void add_generation(struct table *t, const json_t *g)
{
    struct buf at = {0}, reason = {0}, plugins = {0};
    cell_instant(json_integer_value(json_object_get(g, "at")), &at);
    buf_fmt(&reason, "%s%s%s", text_of(g, "reason"), text_of(g, "why")[0] ? ": " : "", text_of(g, "why"));
    put_plugins(g, &plugins);
    add_number(t, g, "generation", 1);
    add(t, json_is_true(json_object_get(g, "running")) ? "runs" : "");
    add(t, text_of(g, "state"));
    table_add(t, buf_view(&at), false);
    add(t, text_of(g, "user"));
    table_add(t, buf_view(&plugins), false);
    table_add(t, buf_view(&reason), false);
    buf_close(&at);
    buf_close(&reason);
    buf_close(&plugins);
}

int tell_generations(struct plugin_link *link, struct err *err)
{
    static const char *const head[] = {"generation", "", "state", "at", "by", "plugins", "reason"};
    const struct slice word = SLICE("plugin.generations");
    struct table t = {.columns = sizeof(head) / sizeof(*head)};
    json_t *list, *g;
    size_t i;
    int rv = link_json(link, &word, 1, &list, err);
    for (i = 0; i < sizeof(head) / sizeof(*head); i++)
        add(&t, head[i]);
    json_array_foreach(list, i, g) add_generation(&t, g);
    if (rv == 0)
        rv = print(&t, (int)json_array_size(list), err);
    else
        table_close(&t);
    json_decref(list);
    return rv;
}

int tell_verify(struct plugin_link *link, const struct slice *words, int nwords, bool json, struct err *err)
{
    struct slice reply;
    struct buf text = {0}, names = {0};
    json_t *list = NULL, *p;
    size_t i;
    int rv = link_call(link, words, nwords, &reply, err);
    if (rv == 0)
        rv = link_show(words[0], reply, json, err);
    if (rv == 0 && (rv = render_json(reply, &text)) == 0)
        list = json_loadb(text.data, text.len, 0, NULL);
    json_array_foreach(list, i, p)
    {
        if (!json_is_true(json_object_get(p, "ok")))
            buf_fmt(&names, "%s%s", names.len ? ", " : "", text_of(p, "name"));
    }
    if (names.len)
        rv = err_rule(err, ERR_CONFLICT, "package.changed", NULL, "not what was installed: %.400s", buf_cstr(&names));
    json_decref(list);
    buf_close(&text);
    buf_close(&names);
    return rv;
}
