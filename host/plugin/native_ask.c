#include "plugin/running.h"

#include "script/jsontext.h"
#include "wire/reader.h"
#include "wire/render.h"

/* What a C plugin asks of other plugins and of the host: arguments come as a JSON object and go on as texts of the wire,
 * the canonical reply goes back as JSON. */

/* The members of a JSON object as arguments: texts as they are, everything else as JSON; null is left out. */
static int gather(const json_t *object, struct chunk **texts, struct named_arg *args)
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
        struct muster_text kept = running_text(texts, buf_view(&text));
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
    struct chunk *texts = NULL;
    struct named_arg *args = running_take(&texts, json_object_size(object) * sizeof(*args) + 1);
    struct buf reply = {.max = m->reply->max_bytes}, json = {0};
    struct err err = {0};
    int rv = ask_host(m->call, slice_of(name), args, gather(object, &texts, args), &reply, &err);
    if (rv == 0 && reader_error(buf_view(&reply), &err))
        rv = err.code;
    if (rv == 0 && result && render_json(buf_view(&reply), &json) != 0)
        rv = err_set(&err, ERR_INTERNAL, "the reply of %s can't be read", name);
    bool kept = rv != 0 || !result || running_keep(m, buf_view(&json), result);
    running_drop(&texts, false);
    buf_close(&reply);
    buf_close(&json);
    return rv ? running_refused(m, rv, &err) : kept ? MUSTER_OK : MUSTER_FAILED;
}

static int request(struct muster_call *m, ask *ask_host, const char *what, const char *name, struct muster_text args,
                   struct muster_text *result)
{
    struct err err = {0};
    json_t *object = NULL;
    if (result)
        *result = (struct muster_text){NULL, 0};
    if (!running_may(m, what))
        return MUSTER_FAILED;
    if (!name)
        return running_failed(m, "invoke and figure need a name");
    const struct slice text = {args.data && args.len ? args.data : "{}", args.data && args.len ? args.len : 2};
    if (jsontext_parse(text, &object, &err) != 0 || !json_is_object(object)) {
        json_decref(object);
        return running_failed(m, "the arguments of invoke and figure are a JSON object, such as {\"name\": \"value\"}");
    }
    int rv = converse(m, ask_host, name, object, result);
    json_decref(object);
    return rv;
}

int host_invoke(struct muster_call *m, const char *command, struct muster_text args, struct muster_text *result)
{
    return request(m, m->call->ops->invoke, "invoke", command, args, result);
}

int host_figure(struct muster_call *m, const char *name, struct muster_text args, struct muster_text *result)
{
    return request(m, m->call->ops->figure, "figure", name, args, result);
}

int host_next(struct muster_call *m, const char *series, int64_t *number)
{
    struct err err = {0};
    int64_t next = 0;
    if (!running_may(m, "next"))
        return MUSTER_FAILED;
    int rv = m->call->ops->next(m->call, slice_of(series), &next, &err);
    if (rv != 0)
        return running_refused(m, rv, &err);
    if (number)
        *number = next;
    return MUSTER_OK;
}

int host_setting(struct muster_call *m, const char *name, struct muster_value *out)
{
    struct err err = {0};
    struct value v = value_null();
    *out = (struct muster_value){.type = MUSTER_NULL};
    if (!running_may(m, "setting"))
        return MUSTER_FAILED;
    int rv = m->call->ops->setting(m->call, slice_of(name), &v, &err);
    if (rv != 0)
        return running_refused(m, rv, &err);
    running_give(NULL, &v, out);
    return !out->s.data || running_keep(m, v.s, &out->s) ? MUSTER_OK : MUSTER_FAILED;
}

int host_emit(struct muster_call *m, const char *topic, struct muster_text json)
{
    struct err err = {0};
    struct buf text = {.max = 64 * 1024};
    json_t *payload = NULL;
    if (!running_may(m, "emit"))
        return MUSTER_FAILED;
    if (jsontext_parse((struct slice){json.data, json.data ? json.len : 0}, &payload, &err) != 0)
        return running_failed(m, "emit: the payload is not JSON");
    int rv = jsontext_put(payload, &text);
    json_decref(payload);
    rv = rv ? err_set(&err, ERR_TOOBIG, "emit: an event has at most 64 KiB of JSON")
            : m->call->ops->emit(m->call, slice_of(topic), buf_view(&text), &err);
    buf_close(&text);
    return rv ? running_refused(m, rv, &err) : MUSTER_OK;
}
