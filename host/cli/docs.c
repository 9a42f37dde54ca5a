#include "cli/docs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* COMMAND DOCS as Redis has it: a map of command → map with `summary` and `arguments`, an array of maps with `name`,
 * `type` and `flags`; Muster adds `spec`, the argument as declared, and `returns`, the shape of the reply. What is not
 * known here is jumped over. Source: redis.io/docs/latest/commands/command-docs.
 */

/* The text of the next value, or NULL when it is something else. */
static char *take_text(struct reader *r)
{
    struct reader ahead = *r;
    struct node n;
    char *text = NULL;
    if (reader_next(&ahead, &n) == 1 && (n.type == NODE_TEXT || n.type == NODE_STATUS || n.type == NODE_BLOB))
        text = mem_dup_slice(n.s);
    reader_skip(r);
    return text;
}

static bool has_flag(struct reader *r, const char *flag)
{
    struct node list, n;
    bool found = false;
    if (reader_next(r, &list) != 1)
        return false;
    for (int64_t i = 0; i < list.count && reader_next(r, &n) == 1; i++)
        found |= slice_is(n.s, flag);
    return found;
}

static void set_text(char **field, struct reader *r)
{
    free(*field);
    *field = take_text(r);
}

static void read_arg(struct reader *r, struct doc_arg *arg)
{
    struct node map, key;
    if (reader_next(r, &map) != 1 || map.type != NODE_MAP)
        return;
    for (int64_t i = 0; i < map.count && reader_next(r, &key) == 1; i++) {
        struct reader ahead = *r;
        if (slice_is(key.s, "name"))
            set_text(&arg->name, r);
        else if (slice_is(key.s, "spec") || (arg->type == NULL && slice_is(key.s, "type")))
            set_text(&arg->type, r); /* our own field says more than Redis' type */
        else if (slice_is(key.s, "flags") && reader_skip(r) == 0)
            arg->optional = has_flag(&ahead, "optional");
        else
            reader_skip(r);
    }
}

static void read_args(struct reader *r, struct doc_command *c)
{
    struct node list;
    struct reader all = *r;
    reader_skip(r);
    if (c->args != NULL || reader_next(&all, &list) != 1 || list.type != NODE_ARRAY)
        return;
    c->args = mem_zalloc((size_t)(list.count + 1) * sizeof *c->args);
    for (int64_t i = 0; i < list.count; i++) {
        struct reader one = all;
        if (reader_skip(&all) != 0)
            return;
        struct doc_arg *arg = &c->args[c->nargs];
        read_arg(&one, arg);
        if (arg->name != NULL)
            c->nargs++;
        else /* an argument without name is none */
            free(arg->type), *arg = (struct doc_arg){0};
    }
}

static void read_returns(struct reader *r, struct doc_command *c)
{
    char *text = take_text(r);
    if (text != NULL && c->returns == NULL)
        shape_parse(text, &c->returns, NULL); /* a newer server's shape may say more than we understand */
    free(text);
}

static void read_command(struct reader *r, struct doc_command *c)
{
    struct node map, key;
    if (reader_next(r, &map) != 1 || map.type != NODE_MAP)
        return;
    for (int64_t i = 0; i < map.count && reader_next(r, &key) == 1; i++) {
        if (slice_is(key.s, "summary"))
            set_text(&c->summary, r);
        else if (slice_is(key.s, "arguments"))
            read_args(r, c);
        else if (slice_is(key.s, "returns"))
            read_returns(r, c);
        else
            reader_skip(r);
    }
}

int docs_read(struct client *client, struct docs *docs, struct err *err)
{
    struct slice words[] = {SLICE("COMMAND"), SLICE("DOCS")}, reply;
    *docs = (struct docs){0};
    int rv = client_call(client, words, 2, &reply, err);
    return rv != 0 ? rv : docs_parse(reply, docs, err);
}

int docs_parse(struct slice reply, struct docs *docs, struct err *err)
{
    struct node map, key;
    struct reader r = {reader_strip(reply)};
    *docs = (struct docs){0};
    if (reader_next(&r, &map) != 1 || map.type != NODE_MAP)
        return err_set(err, ERR_PROTO, "COMMAND DOCS is no map");
    docs->commands = mem_zalloc((size_t)(map.count + 1) * sizeof *docs->commands);
    for (int64_t i = 0; i < map.count && reader_next(&r, &key) == 1; i++) {
        struct reader one = r;
        struct doc_command *c = &docs->commands[docs->count++];
        c->name = mem_dup_slice(key.s);
        if (reader_skip(&r) != 0)
            break;
        read_command(&one, c);
    }
    return 0;
}

const struct doc_command *docs_find(const struct docs *docs, struct slice name)
{
    for (int i = 0; i < docs->count; i++)
        if (strlen(docs->commands[i].name) == name.len && strncasecmp(docs->commands[i].name, name.data, name.len) == 0)
            return &docs->commands[i];
    return NULL;
}

const struct shape *docs_returns(const struct docs *docs, struct slice name)
{
    const struct doc_command *c = docs_find(docs, name);
    return c != NULL ? c->returns : NULL;
}

void docs_close(struct docs *docs)
{
    for (int i = 0; i < docs->count; i++) {
        struct doc_command *c = &docs->commands[i];
        for (int a = 0; a < c->nargs; a++) {
            free(c->args[a].name);
            free(c->args[a].type);
        }
        free(c->args);
        shape_free(c->returns);
        free(c->name);
        free(c->summary);
    }
    free(docs->commands);
    *docs = (struct docs){0};
}
