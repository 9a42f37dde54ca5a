#include "plugin/running.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "script/binding.h"

#include <string.h>

/* `struct muster_host`: facts, memory, refusals and the reply. What is about the database is in native_store.c, what
 * goes on to other plugins in native_ask.c. */

/* Facts are asked for with a const call; the failure is ours to note all the same. */
static bool may_know(const struct muster_call *m, const char *fact)
{
    return !m->pure || running_may((struct muster_call *)(uintptr_t)m, fact);
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
    if (!running_count(m, size))
        return NULL;
    return memset(running_take(&m->chunks, size + 1), 0, size);
}

static void host_log(struct muster_call *m, int level, const char *text)
{
    if (!running_may(m, "log") || !text)
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
        return running_failed(m, "it refused without a text");
    if (nitems < 0 || !items)
        nitems = 0;
    const struct call_ops *ops = m->call->ops;
    const char *text = ops && ops->translate ? ops->translate(m->call, english) : NULL;
    if (!text || !binding_same_items(english, text))
        text = english;
    struct buf out = {0};
    if (!format(text, items, nitems, &out) || !utf8_valid(buf_view(&out)))
        running_failed(m, "it refused with a text that does not take its items (%s only), or is not UTF-8");
    else
        err_rule(&m->err, fail_code(code), rule, arg, "%s", buf_cstr(&out));
    buf_close(&out);
    return MUSTER_FAILED;
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
        running_failed(m, "reply_text: the text is not UTF-8, or has a NUL inside; bytes go with reply_blob");
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
        running_failed(m, "reply_key: no key, or not UTF-8");
}

static void host_reply_close(struct muster_call *m)
{
    reply_close(m->reply);
}

const struct muster_host native_host = {
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
