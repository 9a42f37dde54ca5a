#include "plugin/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The grammar of reply shapes: `int`, `[shape]`, `{key:shape, …}`. Nodes, then a copy of the text that names point
 * into, live in one allocation. A map's fields lie side by side, so they are counted before they are read. */

enum { SHAPE_BYTES = 8000, SHAPE_DEPTH = 12, FIELDS_MAX = 200 };

static const struct {
    const char *name;
    enum shape_type type;
} scalars[] = {
    {"nil", SHAPE_NIL},   {"int", SHAPE_INT},         {"bool", SHAPE_BOOL}, {"text", SHAPE_TEXT}, {"fen", SHAPE_FEN},
    {"date", SHAPE_DATE}, {"instant", SHAPE_INSTANT}, {"blob", SHAPE_BLOB}, {"json", SHAPE_JSON}, {"any", SHAPE_ANY},
};

struct parser {
    char *at;            /* in the copy, which is cut into names */
    const char *text;    /* as declared, for messages */
    struct shape *nodes; /* the next free ones */
    int depth;
    struct err *err;
};

static int refuse(const struct parser *p, const char *why)
{
    return err_rule(p->err, ERR_ARG, "declare.returns", NULL, "returns \"%s\": %s", p->text, why);
}

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t')
        p->at++;
}

static struct slice read_word(struct parser *p)
{
    skip_blanks(p);
    char *from = p->at;
    while ((*p->at >= 'a' && *p->at <= 'z') || (*p->at >= '0' && *p->at <= '9') || *p->at == '_')
        p->at++;
    return (struct slice){from, (size_t)(p->at - from)};
}

static int count_fields(const char *text)
{
    int depth = 0, fields = 1;
    for (const char *c = text; *c; c++) {
        if (*c == '{' || *c == '[')
            depth++;
        else if ((*c == '}' || *c == ']') && depth-- == 0)
            break;
        else if (*c == ',' && depth == 0)
            fields++;
    }
    return fields;
}

static int read_shape(struct parser *p, struct shape *out);

static int read_field(struct parser *p, struct shape *fields, int index)
{
    struct slice name = read_word(p);
    if (name.len == 0)
        return refuse(p, "a map is {name:shape, …} with names of a-z, 0-9 and _");
    skip_blanks(p);
    if (*p->at != ':')
        return refuse(p, "after a key comes `:shape`");
    p->at++;
    int rv = read_shape(p, &fields[index]);
    /* Only now: the byte behind the name may be the colon that has just been read. */
    ((char *)(uintptr_t)name.data)[name.len] = '\0';
    fields[index].name = name.data;
    for (int i = 0; rv == 0 && i < index; i++)
        if (strcmp(fields[i].name, name.data) == 0)
            rv = refuse(p, "a key stands twice in a map");
    return rv;
}

static int read_map(struct parser *p, struct shape *out)
{
    out->type = SHAPE_MAP;
    out->count = count_fields(p->at);
    if (out->count > FIELDS_MAX)
        return refuse(p, "too many keys in one map");
    struct shape *fields = p->nodes;
    p->nodes += out->count;
    out->items = fields;
    for (int i = 0; i < out->count; i++) {
        int rv = read_field(p, fields, i);
        if (rv != 0)
            return rv;
        skip_blanks(p);
        if (*p->at != (i + 1 < out->count ? ',' : '}'))
            return refuse(p, "keys are separated by `,` and end in `}`");
        p->at++;
    }
    return 0;
}

static int read_array(struct parser *p, struct shape *out)
{
    out->type = SHAPE_ARRAY;
    out->count = 1;
    struct shape *item = p->nodes++;
    out->items = item;
    int rv = read_shape(p, item);
    if (rv != 0)
        return rv;
    skip_blanks(p);
    if (*p->at != ']')
        return refuse(p, "an array is [shape]");
    p->at++;
    return 0;
}

static int read_shape(struct parser *p, struct shape *out)
{
    if (++p->depth > SHAPE_DEPTH)
        return refuse(p, "nested too deeply");
    skip_blanks(p);
    int rv = 0;
    if (*p->at == '{') {
        p->at++;
        rv = read_map(p, out);
    } else if (*p->at == '[') {
        p->at++;
        rv = read_array(p, out);
    } else {
        struct slice word = read_word(p);
        size_t i = 0, n = sizeof(scalars) / sizeof(scalars[0]);
        while (i < n && !slice_is(word, scalars[i].name))
            i++;
        if (i == n)
            return refuse(p, "a shape is nil int bool text fen date instant blob json any, [shape] or {key:shape}");
        out->type = scalars[i].type;
    }
    p->depth--;
    return rv;
}

int shape_parse(const char *text, struct shape **out, struct err *err)
{
    *out = NULL;
    size_t len = strlen(text), nodes = 2;
    struct parser p = {.text = text, .err = err};
    if (len > SHAPE_BYTES)
        return err_rule(err, ERR_ARG, "declare.returns", NULL, "returns: a shape has at most %d bytes", SHAPE_BYTES);
    /* Every node but the root follows a `{`, `,` or `[`. */
    for (const char *c = text; *c; c++)
        nodes += *c == ',' || *c == '[' || *c == '{';
    struct shape *root = mem_zalloc(nodes * sizeof(struct shape) + len + 1);
    p.nodes = root + 1;
    p.at = (char *)(root + nodes);
    memcpy(p.at, text, len + 1);
    int rv = read_shape(&p, root);
    skip_blanks(&p);
    if (rv == 0 && *p.at != '\0')
        rv = refuse(&p, "something is left over at the end");
    if (rv != 0) {
        free(root);
        return rv;
    }
    *out = root;
    return 0;
}

void shape_free(struct shape *shape)
{
    free(shape);
}

const char *shape_keys(const struct shape *map, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < map->count; i++) {
        int n = snprintf(out + len, size - len, "%s%s", i ? ", " : "", map->items[i].name);
        if (n < 0 || (size_t)n >= size - len) {
            snprintf(out + len, size - len, ", …");
            break;
        }
        len += (size_t)n;
    }
    return out;
}
