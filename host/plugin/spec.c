#include "plugin/args.h"

#include "base/clock.h"
#include "plugin/spec.h"

#include <stdlib.h>
#include <string.h>

/* The grammar of argument declarations: `name[!]:TYPE[(bounds)][\[\][(bounds)]][?|=default]`.
 *
 * All texts, word lists and the array of arguments share one allocation. Its size is an upper bound taken from the
 * length of the specs: each is copied twice (spec and its pieces), and a word list has at most one word more than it
 * has `|`. */

enum {
    ARGS_MAX = 60,
    SPEC_MAX = 2000,
    TEXT_CHARS = 4000,
    JSON_BYTES = 64 * 1024,
    BLOB_BYTES = 1024 * 1024,
    ITEMS_MAX = 1000
};

static const struct {
    const char *name;
    enum arg_type type;
} types[] = {
    {"text", ARG_TEXT}, {"int", ARG_INT},         {"bool", ARG_BOOL}, {"fen", ARG_FEN},   {"date", ARG_DATE},
    {"unit", ARG_UNIT}, {"instant", ARG_INSTANT}, {"enum", ARG_ENUM}, {"json", ARG_JSON}, {"blob", ARG_BLOB},
};

static const char *const reserved[] = {"idem", "at", "timeout_ms", "lang"};

bool arg_reserved(struct slice name)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (slice_is(name, reserved[i]))
            return true;
    return false;
}

/* One spec being read, and the block its pieces go to. */
struct parser {
    struct slice spec;
    const char *at, *end;
    char *text;         /* where the next text goes */
    const char **words; /* where the next word list goes */
    struct err *err;
};

static int refuse(const struct parser *p, const char *why)
{
    return err_rule(p->err, ERR_ARG, "declare.arg", NULL, "argument \"%.*s\": %s", (int)p->spec.len, p->spec.data, why);
}

static const char *keep(struct parser *p, const char *data, size_t len)
{
    char *out = p->text;
    memcpy(out, data, len);
    out[len] = '\0';
    p->text += len + 1;
    return out;
}

static bool accept(struct parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static struct slice read_word(struct parser *p)
{
    const char *from = p->at;
    while (p->at < p->end && ((*p->at >= 'a' && *p->at <= 'z') || (*p->at >= '0' && *p->at <= '9') || *p->at == '_'))
        p->at++;
    return (struct slice){from, (size_t)(p->at - from)};
}

static int read_name(struct parser *p, struct arg *arg)
{
    struct slice name = read_word(p);
    if (name.len == 0 || name.len > 60 || name.data[0] < 'a' || name.data[0] > 'z')
        return refuse(p, "a name is [a-z][a-z0-9_]*, at most 60 long");
    if (arg_reserved(name))
        return refuse(p, "idem, at, timeout_ms and lang belong to the host");
    arg->name = keep(p, name.data, name.len);
    arg->secret = accept(p, '!');
    if (!accept(p, ':'))
        return refuse(p, "after the name comes `:TYPE`");
    return 0;
}

static int read_type(struct parser *p, struct arg *arg)
{
    struct slice word = read_word(p);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (slice_is(word, types[i].name)) {
            arg->type = types[i].type;
            return 0;
        }
    return refuse(p, "types are text int bool fen date instant unit enum(a|b) json blob");
}

static int read_number(struct parser *p, int64_t *out)
{
    const char *from = p->at;
    accept(p, '-');
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    if (parse_int((struct slice){from, (size_t)(p->at - from)}, out) != 0)
        return refuse(p, "a bound is an integer");
    return 0;
}

/* `(n)`: at most n. `(a..b)`, `(a..)`, `(..b)`: between. The opening parenthesis is read already. */
static int read_bounds(struct parser *p, int64_t *min, int64_t *max)
{
    bool dots = p->end - p->at >= 2 && p->at[0] == '.' && p->at[1] == '.';
    int64_t first = 0;
    if (!dots && read_number(p, &first) != 0)
        return p->err ? p->err->code : ERR_ARG;
    if (accept(p, '.')) {
        if (!accept(p, '.'))
            return refuse(p, "bounds are (n), (a..b), (a..) or (..b)");
        if (!dots)
            *min = first;
        if (p->at < p->end && *p->at != ')' && read_number(p, max) != 0)
            return p->err ? p->err->code : ERR_ARG;
    } else {
        *max = first;
    }
    if (!accept(p, ')'))
        return refuse(p, "bounds end in `)`");
    return *min > *max ? refuse(p, "the lower bound is above the upper one") : 0;
}

static int read_words(struct parser *p, struct arg *arg)
{
    if (!accept(p, '('))
        return refuse(p, "enum needs its words: enum(a|b|c)");
    arg->words = p->words;
    do {
        const char *from = p->at;
        while (p->at < p->end && *p->at != '|' && *p->at != ')')
            p->at++;
        if (p->at == from)
            return refuse(p, "a word of the enum is empty");
        *p->words++ = keep(p, from, (size_t)(p->at - from));
    } while (accept(p, '|'));
    *p->words++ = NULL;
    return accept(p, ')') ? 0 : refuse(p, "the enum's words end in `)`");
}

static void set_bounds(struct arg *arg)
{
    static const struct {
        int64_t min, max;
    } bounds[] = {
        [ARG_TEXT] = {1, TEXT_CHARS},
        [ARG_INT] = {INT64_MIN, INT64_MAX},
        [ARG_FEN] = {0, INT64_MAX},
        [ARG_JSON] = {0, JSON_BYTES},
        [ARG_BLOB] = {0, BLOB_BYTES},
        [ARG_UNIT] = {1, 64},
        [ARG_INSTANT] = {INT64_MIN, INT64_MAX},
        [ARG_ENUM] = {0},
    };
    arg->min = bounds[arg->type].min;
    arg->max = bounds[arg->type].max;
    arg->min_items = 0;
    arg->max_items = ITEMS_MAX;
}

static int read_tail(struct parser *p, struct arg *arg)
{
    bool bounded = arg->type == ARG_TEXT || arg->type == ARG_INT || arg->type == ARG_FEN || arg->type == ARG_JSON ||
                   arg->type == ARG_BLOB;
    int rv = 0;
    if (arg->type == ARG_ENUM)
        rv = read_words(p, arg);
    else if (accept(p, '('))
        rv = bounded ? read_bounds(p, &arg->min, &arg->max) : refuse(p, "this type has no bounds");
    if (rv != 0)
        return rv;
    if (accept(p, '[')) {
        if (!accept(p, ']'))
            return refuse(p, "an array is written TYPE[]");
        if (arg->type == ARG_BLOB)
            return refuse(p, "there are no arrays of blobs");
        arg->array = true;
        if (accept(p, '(') && (rv = read_bounds(p, &arg->min_items, &arg->max_items)) != 0)
            return rv;
    }
    if (accept(p, '?')) {
        arg->optional = true;
    } else if (accept(p, '=')) {
        arg->optional = true;
        arg->default_text = keep(p, p->at, (size_t)(p->end - p->at));
        p->at = p->end;
    }
    return p->at == p->end ? 0 : refuse(p, "something is left over at the end");
}

static int check_default(const struct parser *p, const struct arg *arg)
{
    if (!arg->default_text)
        return 0;
    struct buf scratch = {0};
    struct value ignored;
    struct err why = {0};
    int rv = arg_value(arg, slice_of(arg->default_text), &scratch, &ignored, &why);
    buf_close(&scratch);
    if (rv == 0)
        return 0;
    return err_rule(p->err, ERR_ARG, "declare.arg", NULL, "argument \"%.*s\": its default is refused: %s",
                    (int)p->spec.len, p->spec.data, why.text);
}

static int read_spec(struct parser *p, struct arg *arg)
{
    p->at = p->spec.data;
    p->end = p->spec.data + p->spec.len;
    arg->spec = keep(p, p->spec.data, p->spec.len);
    int rv = read_name(p, arg);
    if (rv == 0)
        rv = read_type(p, arg);
    if (rv != 0)
        return rv;
    set_bounds(arg);
    rv = read_tail(p, arg);
    return rv != 0 ? rv : check_default(p, arg);
}

static int check_twins(const struct arg *args, int count, struct err *err)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(args[i].name, args[j].name) == 0)
                return err_rule(err, ERR_ARG, "declare.arg", NULL, "argument %s is declared twice", args[i].name);
    return 0;
}

int args_parse_list(const struct slice *specs, int count, struct arg **out, struct err *err)
{
    *out = NULL;
    if (count > ARGS_MAX)
        return err_rule(err, ERR_ARG, "declare.arg", NULL, "%d arguments; a command has at most %d", count, ARGS_MAX);
    size_t text = 1, words = 1;
    for (int i = 0; i < count; i++) {
        if (specs[i].len > SPEC_MAX)
            return err_rule(err, ERR_ARG, "declare.arg", NULL, "argument %d: a declaration has at most %d bytes", i + 1,
                            SPEC_MAX);
        text += 2 * specs[i].len + 4;
        words += 2;
        for (size_t k = 0; k < specs[i].len; k++) {
            words += specs[i].data[k] == '|';
            text += specs[i].data[k] == '|';
        }
    }
    size_t head = (size_t)(count ? count : 1) * sizeof(struct arg);
    struct arg *args = mem_zalloc(head + words * sizeof(char *) + text);
    struct parser p = {.words = (const char **)(void *)((char *)args + head), .err = err};
    p.text = (char *)(p.words + words);
    int rv = 0;
    for (int i = 0; i < count && rv == 0; i++) {
        p.spec = specs[i];
        rv = read_spec(&p, &args[i]);
    }
    if (rv == 0)
        rv = check_twins(args, count, err);
    if (rv != 0) {
        free(args);
        return rv;
    }
    *out = args;
    return 0;
}

int args_parse(const char *specs, struct arg **out, int *count, struct err *err)
{
    struct slice list[ARGS_MAX + 1];
    int n = 0;
    for (const char *p = specs; *p;) {
        size_t len = strcspn(p, " \t\n");
        if (len > 0 && n <= ARGS_MAX)
            list[n++] = (struct slice){p, len};
        p += len + (p[len] != '\0');
    }
    *count = n;
    return args_parse_list(list, n, out, err);
}

void args_free(struct arg *args)
{
    free(args);
}
