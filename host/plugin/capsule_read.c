#include "plugin/capsule.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reading them. A file may come from anywhere: it is checked as a message of a plugin's process is. What a newer Muster
 * has put into the head is passed over. */

static int read_file(const char *path, struct buf *out, struct err *err)
{
    char chunk[16384];
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    int rv = 0;
    for (size_t n; rv == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        rv = buf_append(out, chunk, n);
    if (rv == 0 && ferror(f))
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    fclose(f);
    return rv == ERR_TOOBIG ? err_set(err, ERR_ARG, "%s: too long for a capsule", path) : rv;
}

static void take_field(struct capsule *c, struct slice key, const struct value *v)
{
    const struct {
        const char *key;
        int64_t *to;
    } numbers[] = {{"at", &c->at_ms},   {"generation", &c->generation}, {"received", &c->received_ms},
                   {"now", &c->now_ms}, {"zone", &c->zone_min},         {"write", &c->write}};
    const struct {
        const char *key;
        struct slice *to;
    } texts[] = {{"command", &c->command}, {"plugin", &c->plugin},    {"version", &c->version}, {"folder", &c->folder},
                 {"user", &c->user},       {"lang", &c->lang},        {"scope", &c->scope},     {"args", &c->args},
                 {"trace", &c->trace},     {"short_of", &c->short_of}},
      blobs[] = {{"hash", &c->hash}, {"task", &c->task}, {"error", &c->error}, {"again", &c->again}};
    for (size_t i = 0; v->type == VALUE_INT && i < sizeof(numbers) / sizeof(*numbers); i++)
        if (slice_is(key, numbers[i].key))
            *numbers[i].to = v->i;
    for (size_t i = 0; v->type == VALUE_TEXT && i < sizeof(texts) / sizeof(*texts); i++)
        if (slice_is(key, texts[i].key))
            *texts[i].to = v->s;
    for (size_t i = 0; v->type == VALUE_BLOB && i < sizeof(blobs) / sizeof(*blobs); i++)
        if (slice_is(key, blobs[i].key))
            *blobs[i].to = v->s;
}

static int take_head(struct capsule *c, struct reader *r)
{
    struct node map;
    if (reader_next_canonical(r, &map) != 1 || map.type != NODE_MAP)
        return ERR_PROTO;
    for (int64_t i = 0; i < map.count; i++) {
        struct slice key;
        struct value v;
        if (remote_take_text(r, 40, &key) != 0 || remote_take_value(r, &v) != 0)
            return ERR_PROTO;
        if (i == 0 && !(slice_is(key, "capsule") && v.type == VALUE_INT && v.i == 1))
            return ERR_PROTO;
        take_field(c, key, &v);
    }
    return c->command.len > 0 && c->plugin.len > 0 && c->error.len > 0 ? 0 : ERR_PROTO;
}

static int take_blob(struct reader *r, struct slice *out)
{
    struct value v;
    if (remote_take_value(r, &v) != 0 || v.type != VALUE_BLOB)
        return ERR_PROTO;
    *out = v.s;
    return 0;
}

static int take_exchanges(struct capsule *c, struct reader *r)
{
    int cap = 0;
    for (; r->rest.len > 0; c->count++) {
        if (c->count == cap) {
            cap = cap ? 2 * cap : 16;
            c->exchanges = mem_realloc(c->exchanges, (size_t)cap * sizeof(*c->exchanges));
        }
        struct capsule_exchange *e = &c->exchanges[c->count];
        if (take_blob(r, &e->question) != 0 || take_blob(r, &e->answer) != 0)
            return ERR_PROTO;
    }
    return 0;
}

int capsule_read(const char *path, struct capsule *out, struct err *err)
{
    *out = (struct capsule){.bytes = {.max = 2 * CAPSULE_BYTES_MAX}};
    int rv = read_file(path, &out->bytes, err);
    struct reader r = {buf_view(&out->bytes)};
    if (rv == 0 && (take_head(out, &r) != 0 || take_exchanges(out, &r) != 0))
        rv = err_set(err, ERR_ARG, "%s: this is no capsule, or a damaged one", path);
    if (rv != 0)
        capsule_close(out);
    return rv;
}

void capsule_close(struct capsule *c)
{
    buf_close(&c->bytes);
    free(c->exchanges);
    *c = (struct capsule){.count = 0};
}

/* -- the folder -- */

static int is_capsule(const struct dirent *d)
{
    const char *end = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && end && strcmp(end, ".capsule") == 0;
}

int capsule_list(const char *data, char ***out, int *count, struct err *err)
{
    struct dirent **list;
    char from[1024];
    *out = NULL;
    *count = 0;
    if (snprintf(from, sizeof(from), "%s/capsules", data) >= (int)sizeof(from))
        return err_set(err, ERR_ARG, "%s: path too long", data);
    int n = scandir(from, &list, is_capsule, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", from, strerror(errno));
    *out = mem_zalloc((size_t)(n + 1) * sizeof(**out));
    for (int i = n; i-- > 0;) {
        (*out)[(*count)++] = mem_dup(list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return 0;
}
