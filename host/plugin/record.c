#include "plugin/args.h"

#include "base/utf8.h"
#include "plugin/spec.h"
#include "script/jsontext.h"
#include "tls/random.h"

#include <string.h>

/* Two records of a bound request: the hash that makes a repeated one recognisable, and the text that audit keeps. */

enum { ARGS_MAX = 60, TEXT_KEPT = 200 };

/* Each value is hashed as its type, its length and its bytes, so that no two lists of values have the same bytes. */
struct mark {
    unsigned char type;
    int64_t number, len;
};

void args_hash(const struct command *command, const struct bound *b, unsigned char out[32])
{
    struct mark marks[ARGS_MAX + 1];
    struct slice parts[2 * (ARGS_MAX + 1) + 1];
    memset(marks, 0, sizeof(marks)); /* padding is hashed too */
    int n = 0;
    parts[n++] = (struct slice){command->name, strlen(command->name) + 1};
    marks[0].type = b->has_at;
    marks[0].number = b->at_ms;
    parts[n++] = (struct slice){(const char *)&marks[0], sizeof(marks[0])};
    for (int i = 0; i < command->nargs; i++) {
        const struct value *v = &b->values[i];
        struct mark *mark = &marks[i + 1];
        mark->type = (unsigned char)v->type;
        if (v->type == VALUE_INT || v->type == VALUE_BOOL) {
            mark->number = v->i;
        } else if (v->type == VALUE_TEXT || v->type == VALUE_BLOB || v->type == VALUE_JSON) {
            mark->len = (int64_t)v->s.len;
            parts[n++] = v->s;
        }
        parts[n++] = (struct slice){(const char *)mark, sizeof(*mark)};
    }
    sha256(parts, n, out);
}

static void put_text(struct slice text, size_t room, struct buf *out)
{
    size_t most = room < TEXT_KEPT ? room : TEXT_KEPT;
    if (text.len <= most) {
        jsontext_quote(text, out);
        return;
    }
    struct buf cut = {0};
    buf_append(&cut, text.data, utf8_cut(text, most));
    buf_text(&cut, "…");
    jsontext_quote(buf_view(&cut), out);
    buf_close(&cut);
}

static void put_value(const struct arg *arg, const struct value *v, size_t room, struct buf *out)
{
    if (arg->secret) {
        buf_text(out, "\"***\"");
    } else if (v->type == VALUE_INT) {
        buf_int(out, v->i);
    } else if (v->type == VALUE_BOOL) {
        buf_text(out, v->i ? "true" : "false");
    } else if (v->type == VALUE_BLOB) {
        buf_fmt(out, "\"%zu bytes\"", v->s.len);
    } else if (v->type == VALUE_JSON && v->s.len <= room) {
        buf_slice(out, v->s);
    } else {
        put_text(v->s, room, out);
    }
}

void args_redacted(const struct command *command, const struct bound *b, size_t max_bytes, struct buf *out)
{
    size_t start = out->len;
    bool first = true;
    buf_byte(out, '{');
    for (int i = 0; i < command->nargs; i++) {
        if (b->values[i].type == VALUE_NULL)
            continue;
        size_t before = out->len;
        buf_text(out, first ? "\"" : ",\"");
        buf_text(out, command->args[i].name);
        buf_text(out, "\":");
        size_t used = out->len - start;
        put_value(&command->args[i], &b->values[i], used + 24 < max_bytes ? max_bytes - used - 24 : 0, out);
        if (out->len - start + 10 > max_bytes) { /* escapes made it longer than hoped: say that something is missing */
            buf_truncate(out, before);
            buf_text(out, first ? "\"…\":1" : ",\"…\":1");
            break;
        }
        first = false;
    }
    buf_byte(out, '}');
}
