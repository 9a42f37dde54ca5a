#include "plugin/native.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "plugin/args.h"
#include "script/copy.h"
#include "wire/json.h"
#include "wire/reader.h"

#include <assert.h>
#include <string.h>

/* Replies of C plugins are bytes by the time we see them, so they are held against the declared shape by reading them
 * again. Null may stand for anything. A map has every declared key once, in any order, and no other. */

enum { FIELDS_MAX = 256 }; /* a declared map has fewer */

struct walk {
    struct reader reader;
    struct err *err;
};

static const char *type_name(const struct node *node)
{
    switch (node->type) {
    case NODE_BOOL:
        return "a boolean";
    case NODE_INT:
        return "an integer";
    case NODE_DOUBLE:
        return "a fraction";
    case NODE_TEXT:
        return "a text";
    case NODE_BLOB:
        return "a blob";
    case NODE_ARRAY:
        return "an array";
    case NODE_MAP:
        return "a map";
    default:
        return "something else";
    }
}

static int refuse(const struct walk *w, const struct shape *shape, const char *wanted, const struct node *node)
{
    return err_set(w->err, ERR_INTERNAL, "returns: %s%sshould be %s, is %s", shape->name ? shape->name : "",
                   shape->name ? " " : "the value ", wanted, type_name(node));
}

static int not_whole(const struct walk *w)
{
    return err_set(w->err, ERR_INTERNAL, "returns: not one whole value");
}

static int not_text(const struct walk *w)
{
    return err_set(w->err, ERR_INTERNAL, "returns: a text is not UTF-8, or has a NUL inside; bytes are a blob");
}

static int fits(struct walk *w, const struct shape *shape, int depth);

/* Whatever is declared to be anything: only that its texts are texts. */
static int any_fits(struct walk *w, int depth)
{
    struct node node;
    if (depth > REPLY_DEPTH_MAX || reader_next(&w->reader, &node) != 1)
        return not_whole(w);
    if (node.type == NODE_TEXT && !utf8_valid(node.s))
        return not_text(w);
    const int64_t values = node.type == NODE_MAP ? 2 * node.count : node.type == NODE_ARRAY ? node.count : 0;
    int rv = 0;
    for (int64_t i = 0; i < values && rv == 0; i++)
        rv = any_fits(w, depth + 1);
    return rv;
}

static int map_fits(struct walk *w, const struct shape *shape, int64_t pairs, int depth)
{
    struct node key;
    char keys[SHAPE_KEYS_BYTES];
    uint64_t seen[FIELDS_MAX / 64] = {0};
    assert(shape->count <= FIELDS_MAX);
    for (int64_t i = 0; i < pairs; i++) {
        const struct shape *field = NULL;
        if (reader_next(&w->reader, &key) != 1 || key.type != NODE_TEXT)
            return err_set(w->err, ERR_INTERNAL, "returns: a map's key is not a text");
        /* Written in declared order, as most are, the first look finds it. */
        for (int k = 0; k < shape->count && !field; k++) {
            const struct shape *candidate = &shape->items[(i + k) % shape->count];
            if (slice_is(key.s, candidate->name))
                field = candidate;
        }
        if (!field)
            return err_set(w->err, ERR_INTERNAL, "returns: %.*s is not in the declared shape%s%s, which has %s",
                           (int)utf8_cut(key.s, 60), key.s.data, shape->name ? " of " : "",
                           shape->name ? shape->name : "", shape_keys(shape, keys, sizeof(keys)));
        const size_t at = (size_t)(field - shape->items);
        if (seen[at / 64] >> at % 64 & 1)
            return err_set(w->err, ERR_INTERNAL, "returns: %s is there twice", field->name);
        seen[at / 64] |= 1ULL << at % 64;
        int rv = fits(w, field, depth + 1);
        if (rv != 0)
            return rv;
    }
    if (pairs != shape->count)
        return err_set(w->err, ERR_INTERNAL,
                       "returns: %s%shas %lld keys, and %d are declared; write null for a missing one",
                       shape->name ? shape->name : "", shape->name ? " " : "the map ", (long long)pairs, shape->count);
    return 0;
}

static int text_fits(const struct walk *w, const struct shape *shape, const struct node *node)
{
    int64_t days;
    if (node->type != NODE_TEXT)
        return refuse(w, shape, shape->type == SHAPE_JSON ? "a JSON text" : "a text", node);
    if (!utf8_valid(node->s))
        return not_text(w);
    if (shape->type == SHAPE_DATE && clock_parse_date(node->s, &days) != 0)
        return err_set(w->err, ERR_INTERNAL, "returns: %s%sshould be a day as YYYY-MM-DD",
                       shape->name ? shape->name : "", shape->name ? " " : "the value ");
    if (shape->type == SHAPE_JSON && json_check(node->s, COPY_DEPTH_MAX, NULL) != 0)
        return err_set(w->err, ERR_INTERNAL, "returns: %s%sshould be a JSON text", shape->name ? shape->name : "",
                       shape->name ? " " : "the value ");
    return 0;
}

static int scalar_fits(const struct walk *w, const struct shape *shape, const struct node *node)
{
    switch (shape->type) {
    case SHAPE_INT:
    case SHAPE_FEN:
    case SHAPE_INSTANT:
        return node->type == NODE_INT ? 0 : refuse(w, shape, "an integer", node);
    case SHAPE_BOOL:
        return node->type == NODE_BOOL ? 0 : refuse(w, shape, "a boolean", node);
    case SHAPE_BLOB:
        return node->type == NODE_BLOB ? 0 : refuse(w, shape, "a blob", node);
    case SHAPE_TEXT:
    case SHAPE_DATE:
    case SHAPE_JSON:
        return text_fits(w, shape, node);
    default:
        return refuse(w, shape, "nil", node);
    }
}

static int fits(struct walk *w, const struct shape *shape, int depth)
{
    struct node node;
    if (shape->type == SHAPE_ANY)
        return any_fits(w, depth);
    if (depth > REPLY_DEPTH_MAX || reader_next(&w->reader, &node) != 1)
        return not_whole(w);
    if (node.type == NODE_NULL)
        return 0;
    if (shape->type == SHAPE_MAP)
        return node.type == NODE_MAP ? map_fits(w, shape, node.count, depth) : refuse(w, shape, "a map", &node);
    if (shape->type != SHAPE_ARRAY)
        return scalar_fits(w, shape, &node);
    if (node.type != NODE_ARRAY)
        return refuse(w, shape, "an array", &node);
    int rv = 0;
    for (int64_t i = 0; i < node.count && rv == 0; i++)
        rv = fits(w, &shape->items[0], depth + 1);
    return rv;
}

int shape_fits(const struct shape *shape, struct slice canonical, struct err *err)
{
    struct walk w = {{canonical}, err};
    return fits(&w, shape, 0);
}
