#include "plugin/args.h"

#include "base/clock.h"
#include "plugin/spec.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* Words to values, in three passes: give each word to its argument, convert each argument in declared order, fill in
 * defaults. Conversion may move the scratch buffer, so texts inside it are kept as offsets until the last is done. */

enum { IDEM_BYTES = 200, NAME_BYTES = 60, NEAR = 2 };

enum slot { SLOT_IDEM = -4, SLOT_AT = -3, SLOT_TIMEOUT = -2, SLOT_LANG = -1, SLOT_NONE = -5 };

struct binding {
    const struct arg *args;
    int nargs;
    enum mode mode;
    struct bound *out;
    struct err *err;
    struct slice texts[64]; /* per argument; data NULL: absent */
    uint64_t in_scratch;    /* bit i: value i holds an offset */
    unsigned reserved_seen;
};

void bound_close(struct bound *b)
{
    free(b->values);
    buf_close(&b->scratch);
    *b = (struct bound){.named_only = b->named_only};
}

static int slot_of(const struct binding *b, struct slice name)
{
    for (int i = 0; i < b->nargs; i++)
        if (slice_is(name, b->args[i].name))
            return i;
    if (slice_is(name, "idem"))
        return SLOT_IDEM;
    if (slice_is(name, "at"))
        return SLOT_AT;
    if (slice_is(name, "timeout_ms"))
        return SLOT_TIMEOUT;
    return slice_is(name, "lang") ? SLOT_LANG : SLOT_NONE;
}

int name_distance(struct slice a, struct slice b, int limit)
{
    if (a.len > NAME_BYTES || b.len > NAME_BYTES)
        return limit + 1;
    int row[NAME_BYTES + 1]; /* Wagner and Fischer, one row at a time */
    for (size_t j = 0; j <= b.len; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= a.len; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.len; j++) {
            int above = row[j];
            int best = diagonal + (a.data[i - 1] != b.data[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.len] > limit ? limit + 1 : row[b.len];
}

/* The declared name nearest to one that is none, or NULL. */
static const char *nearest(const struct binding *b, struct slice name, int limit)
{
    const char *near = NULL;
    for (int i = 0; i < b->nargs; i++) {
        int d = name_distance(name, slice_of(b->args[i].name), limit);
        if (d <= limit) {
            near = b->args[i].name;
            limit = d - 1;
        }
    }
    return near;
}

static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.data[i] >= 'a' && s.data[i] <= 'z') || (s.data[i] >= '0' && s.data[i] <= '9') || s.data[i] == '_'))
            return false;
    return s.len > 0;
}

/* What is possible instead: all the declared names, as far as they fit. */
static void name_all(const struct binding *b)
{
    for (int i = 0; b->err && i < b->nargs; i++) {
        char *allowed = b->err->allowed;
        size_t used = strlen(allowed), room = sizeof(b->err->allowed) - used;
        const char *name = b->args[i].name;
        if (strlen(name) + 2 > room)
            return;
        snprintf(allowed + used, room, "%s%s", used ? "," : "", name);
    }
}

static int refuse_unknown(const struct binding *b, struct slice word, bool named)
{
    if (!is_word(word) || word.len > NAME_BYTES)
        return err_rule(b->err, ERR_ARG, "arg.unknown", NULL, "an argument too many, or its name is unknown");
    char name[NAME_BYTES + 1];
    memcpy(name, word.data, word.len);
    name[word.len] = '\0';
    if (!named)
        return err_rule(b->err, ERR_ARG, "arg.unknown", NULL, "%s: an argument too many; the command has %d", name,
                        b->nargs);
    const char *near = nearest(b, word, NEAR);
    if (!near) {
        int rv = err_rule(b->err, ERR_ARG, "arg.unknown", name, "%s: no such argument", name);
        name_all(b);
        return rv;
    }
    int rv = err_rule(b->err, ERR_ARG, "arg.unknown", name, "%s: no such argument; did you mean %s?", name, near);
    if (b->err)
        strcpy(b->err->allowed, near);
    return rv;
}

/* `unit=YL` is meant as an argument of that name, whatever the command declares: it is never the text of the first one. */
static bool looks_named(struct slice name)
{
    return is_word(name) && name.data[0] >= 'a' && name.len <= NAME_BYTES;
}

static int refuse_twice(const struct binding *b, const char *name)
{
    return err_rule(b->err, ERR_ARG, "arg.twice", name, "%s: given twice", name);
}

static int take_at(struct binding *b, struct slice text)
{
    b->out->has_at = true;
    if (clock_parse_instant(text, &b->out->at_ms) == 0)
        return 0;
    return err_rule(b->err, ERR_ARG, "arg.type", "at",
                    "at: not an instant as 2020-03-18T18:28:00+08:00 or a number of ms");
}

static int take_reserved(struct binding *b, int slot, struct slice text)
{
    static const char *const names[] = {"idem", "at", "timeout_ms", "lang"};
    const char *name = names[slot - SLOT_IDEM];
    unsigned bit = 1u << (slot - SLOT_IDEM);
    if (b->reserved_seen & bit)
        return refuse_twice(b, name);
    b->reserved_seen |= bit;
    if (b->mode != MODE_WRITE && (slot == SLOT_IDEM || slot == SLOT_AT))
        return err_rule(b->err, ERR_ARG, "arg.read_only", name, "%s: belongs to commands that write; this one reads",
                        name);
    struct arg arg = {.name = name, .type = ARG_TEXT, .min = 1, .max = IDEM_BYTES};
    struct value v;
    if (slot == SLOT_AT)
        return take_at(b, text);
    if (slot == SLOT_TIMEOUT) {
        arg = (struct arg){.name = name, .type = ARG_INT, .min = 1, .max = 3600000};
        int rv = arg_value(&arg, text, &b->out->scratch, &v, b->err);
        if (rv == 0)
            b->out->timeout_ms = (int)v.i;
        return rv;
    }
    if (slot == SLOT_LANG) {
        static const char *const words[] = {"zh-CN", "en", NULL};
        arg = (struct arg){.name = name, .type = ARG_ENUM, .words = words};
    } else if (text.len > IDEM_BYTES) {
        return err_rule(b->err, ERR_ARG, "arg.range", name, "idem: at most %d bytes", IDEM_BYTES);
    }
    int rv = arg_value(&arg, text, &b->out->scratch, &v, b->err);
    if (rv == 0)
        *(slot == SLOT_LANG ? &b->out->lang : &b->out->idem) = v.s;
    return rv;
}

static int give(struct binding *b, int slot, struct slice text)
{
    if (slot < 0)
        return take_reserved(b, slot, text);
    if (b->texts[slot].data)
        return refuse_twice(b, b->args[slot].name);
    b->texts[slot] = text.data ? text : SLICE("");
    return 0;
}

static int share_out(struct binding *b, const struct slice *words, int nwords)
{
    int positional = 0;
    bool named = false;
    for (int i = 0; i < nwords; i++) {
        struct slice word = words[i], name = word;
        const char *equals = word.len ? memchr(word.data, '=', word.len) : NULL;
        int slot = SLOT_NONE;
        if (equals) {
            name.len = (size_t)(equals - word.data);
            slot = slot_of(b, name);
        }
        int rv;
        if (slot != SLOT_NONE) {
            named = true;
            rv = give(b, slot, (struct slice){equals + 1, word.len - name.len - 1});
        } else if (!named && !b->out->named_only && positional < b->nargs && !(equals && looks_named(name))) {
            rv = give(b, positional++, word);
        } else {
            rv = refuse_unknown(b, name, equals != NULL);
        }
        if (rv != 0)
            return rv;
    }
    return 0;
}

static int convert(struct binding *b, int i)
{
    const struct arg *arg = &b->args[i];
    struct value *v = &b->out->values[i];
    struct slice text = b->texts[i];
    if (!text.data && arg->default_text)
        text = slice_of(arg->default_text);
    if (!text.data) {
        *v = value_null();
        if (arg->optional)
            return 0;
        return err_rule(b->err, ERR_ARG, "arg.required", arg->name, "%s: required (%s)", arg->name, arg->spec);
    }
    int rv = arg_value(arg, text, &b->out->scratch, v, b->err);
    if (rv == 0 && v->type == VALUE_JSON) { /* the only values made in scratch */
        b->in_scratch |= (uint64_t)1 << i;
        v->i = v->s.data - b->out->scratch.data;
    }
    return rv;
}

int args_bind(const struct arg *args, int nargs, enum mode mode, const struct slice *words, int nwords,
              struct bound *out, struct err *err)
{
    struct binding b;
    b.args = args;
    b.nargs = nargs;
    b.mode = mode;
    b.out = out;
    b.err = err;
    b.in_scratch = 0;
    b.reserved_seen = 0;
    memset(b.texts, 0, sizeof(b.texts[0]) * (size_t)nargs);
    if (nargs > out->cap) {
        out->values = mem_realloc(out->values, (size_t)nargs * sizeof(*out->values));
        out->cap = nargs;
    }
    buf_clear(&out->scratch);
    out->idem = out->lang = SLICE("");
    out->has_at = false;
    out->at_ms = 0;
    out->timeout_ms = 0;
    int rv = share_out(&b, words, nwords);
    for (int i = 0; i < nargs && rv == 0; i++)
        rv = convert(&b, i);
    if (rv != 0)
        return rv;
    for (int i = 0; i < nargs; i++)
        if (b.in_scratch >> i & 1) {
            out->values[i].s.data = out->scratch.data + out->values[i].i;
            out->values[i].i = 0;
        }
    return 0;
}
