#include "work/calls.h"

#include "access/unit.h"
#include "base/log.h"
#include "script/copy.h"
#include "wire/json.h"

#include <string.h>

/* What plugin code may ask of the host while it runs. Every question is answered on the lane's own connection, inside
 * the transaction of the command that asks, so it sees what the command did and is undone with it. */

enum { SERIES_BYTES = 200, TOPIC_BYTES = 100, EVENT_BYTES = 64 * 1024 };

static int must_write(const struct call *call, const char *what, struct err *err)
{
    if (call->write)
        return 0;
    return err_rule(err, ERR_POLICY, "call.read_mode", NULL, "%s changes data, and %s only reads", what, call->command);
}

static bool plain_name(struct slice s, size_t max)
{
    bool good = s.len > 0 && s.len <= max;
    for (size_t i = 0; good && i < s.len; i++)
        good = (unsigned char)s.data[i] > ' ' && (unsigned char)s.data[i] != 0x7F;
    return good;
}

static int next(struct call *call, struct slice series, int64_t *out, struct err *err)
{
    int rv = must_write(call, "call:next", err);
    if (rv)
        return rv;
    if (!plain_name(series, SERIES_BYTES))
        return err_rule(err, ERR_ARG, "call.series", NULL, "a series has a name of 1 to %d bytes without blanks",
                        SERIES_BYTES);
    struct value args[] = {value_cstr(call->plugin), value_text(series)}, last;
    rv = store_value(call->store, NULL,
                     SLICE("INSERT INTO muster_series(plugin, name, last) VALUES(?, ?, 1)"
                           " ON CONFLICT(plugin, name) DO UPDATE SET last = last + 1 RETURNING last"),
                     args, 2, &last, &calls_of(call)->path, err);
    *out = last.i;
    return rv < 0 ? rv : 0;
}

static int emit(struct call *call, struct slice topic, struct slice json, struct err *err)
{
    int rv = must_write(call, "call:emit", err);
    if (rv)
        return rv;
    if (!plain_name(topic, TOPIC_BYTES))
        return err_rule(err, ERR_ARG, "call.topic", NULL, "a topic has a name of 1 to %d bytes without blanks",
                        TOPIC_BYTES);
    if (json.len > EVENT_BYTES)
        return err_rule(err, ERR_TOOBIG, "call.event", NULL, "an event has at most %d bytes of JSON", EVENT_BYTES);
    if (json_check(json, COPY_DEPTH_MAX, NULL) != 0)
        return err_rule(err, ERR_ARG, "call.event", NULL, "the payload of an event is JSON");
    struct value args[] = {value_int(call->now_ms), value_cstr(call->plugin), value_text(topic), value_text(json)};
    return store_run(call->store, "INSERT INTO muster_event(at, plugin, topic, payload) VALUES(?, ?, ?, ?)", args, 4,
                     err);
}

/* -- settings -- */

/* Read one setting's text as its declaration says; the texts in it are kept. */
static int typed(struct calls *c, const struct setting *setting, struct slice text, struct value *out, struct err *err)
{
    struct buf scratch = {0};
    int rv = arg_value(&setting->type, text, &scratch, out, err);
    if (rv == 0 && (out->type == VALUE_TEXT || out->type == VALUE_BLOB || out->type == VALUE_JSON))
        out->s = calls_keep(c, out->s);
    buf_close(&scratch);
    return rv;
}

static int setting(struct call *call, struct slice name, struct value *out, struct err *err)
{
    struct calls *c = calls_of(call);
    const struct setting *declared = registry_setting(c->registry, slice_of(call->plugin), name);
    *out = value_null();
    if (!declared)
        return err_set(err, ERR_INTERNAL, "%s declares no setting %.*s", call->plugin,
                       (int)(name.len > 100 ? 100 : name.len), name.data);
    struct value args[] = {value_cstr(call->plugin), value_text(name)}, found;
    struct buf keep = {0};
    int rv = store_value(call->store, NULL, SLICE("SELECT value FROM muster_setting WHERE plugin = ? AND name = ?"),
                         args, 2, &found, &keep, err);
    if (rv == 1) {
        rv = typed(c, declared, found.s, out, NULL);
        /* It was checked when it was set; a newer plugin may have narrowed its bounds since. */
        if (rv < 0) {
            log_warn("work", "setting %s of %s no longer fits its declaration; the default holds", declared->name,
                     call->plugin);
            rv = 0;
            *out = value_null();
        }
        if (out->type != VALUE_NULL)
            goto end;
    }
    if (rv == 0 && declared->type.default_text)
        rv = typed(c, declared, slice_of(declared->type.default_text), out, err);
end:
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

/* -- units -- */

static int set_unit(struct call *call, struct slice code, struct slice parent, struct err *err)
{
    const struct plugin *plugin = registry_plugin(calls_of(call)->registry, slice_of(call->plugin));
    if (!plugin || !plugin->units)
        return err_rule(err, ERR_POLICY, "call.units", NULL,
                        "%s may not change the unit tree: its manifest does not say units = true", call->plugin);
    bool moved;
    int rv = must_write(call, "call:unit_set", err);
    if (rv == 0)
        rv = unit_set(call->store, code, parent, &moved, err);
    /* A new unit changes nobody's rights, unless one was granted on it before it came, which the grant refuses. */
    if (rv == 0 && moved)
        call_access_changed(call);
    return rv;
}

static int path_of(struct call *call, struct slice code, struct buf *path, struct err *err)
{
    struct calls *c = calls_of(call);
    int rv = unit_path(call->store, code, &c->path, err);
    if (rv == 1)
        return buf_slice(path, buf_view(&c->path));
    if (rv < 0)
        return rv;
    return err_rule(err, ERR_NOTFOUND, "unit.unknown", NULL, "there is no unit %.*s",
                    (int)(code.len > 100 ? 100 : code.len), code.data);
}

/* -- words -- */

static const char *translate(struct call *call, const char *fmt)
{
    const char *text = registry_translate(calls_of(call)->registry, call->plugin, call->lang, fmt);
    return text ? text : fmt;
}

const struct call_ops calls_ops = {
    .invoke = calls_invoke,
    .figure = calls_figure,
    .next = next,
    .setting = setting,
    .emit = emit,
    .unit_set = set_unit,
    .unit_path = path_of,
    .translate = translate,
};
