#include "cli/call_out.h"

#include "base/utf8.h"
#include "cli/call_table.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is bytes already is written as it is. Rows become a table (call_table.c). The client knows nothing of
 * spreadsheets: it sends the table back to the server's cnkit and writes what that returns. */

enum kind { OUT_NONE, OUT_JSON, OUT_SVG, OUT_CSV, OUT_XLSX };

static const struct {
    const char *ending, *wanted, *found; /* what the file is, what a reply of text or bytes is that fits it */
} kinds[] = {{"", "", ""},
             {".json", "JSON", "a text"},
             {".svg", "a picture", "a picture"},
             {".csv", "a table", "bytes"},
             {".xlsx", "a spreadsheet's file", "a spreadsheet's file"}};

static enum kind kind_of(const char *path)
{
    const size_t len = strlen(path);
    for (int kind = OUT_JSON; kind <= OUT_XLSX; kind++) {
        const size_t ending = strlen(kinds[kind].ending);
        if (len > ending && strcasecmp(path + len - ending, kinds[kind].ending) == 0)
            return (enum kind)kind;
    }
    return OUT_NONE;
}

int call_out_check(const char *path, struct err *err)
{
    return kind_of(path) != OUT_NONE
               ? 0
               : err_set(err, ERR_ARG, "--out %s: its ending says what is written: .json, .svg, .csv or .xlsx", path);
}

/* -- the file -- */

static int write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes.data += n;
            bytes.len -= (size_t)n;
        }
    }
    return fsync(fd);
}

/* Where the bytes go: behind a link, the file itself; and the mode that it has or gets. */
struct place {
    char path[PATH_MAX];
    mode_t mode;
};

static int find_place(const char *path, struct place *out, struct err *err)
{
    struct stat there;
    const mode_t mask = umask(0);
    umask(mask);
    out->mode = 0666 & ~mask;
    if (lstat(path, &there) != 0) {
        if (errno != ENOENT)
            return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        snprintf(out->path, sizeof(out->path), "%s", path); /* a longer one would have been refused */
        return 0;
    }
    if (!realpath(path, out->path) || stat(out->path, &there) != 0 || access(out->path, W_OK) != 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(there.st_mode))
        return err_set(err, ERR_IO, "%s: it is there, and no file", path);
    out->mode = there.st_mode & 0777;
    return 0;
}

/* A new file beside the place; its name is in `tmp`. */
static int open_beside(const struct place *p, char tmp[PATH_MAX + 8], struct err *err)
{
    snprintf(tmp, PATH_MAX + 8, "%s.XXXXXX", p->path);
    const int fd = mkstemp(tmp);
    return fd >= 0 ? fd : err_set(err, ERR_IO, "%s: %s", p->path, strerror(errno));
}

int call_out_try(const char *path, struct err *err)
{
    char tmp[PATH_MAX + 8];
    struct place place;
    int fd = find_place(path, &place, err);
    fd = fd == 0 ? open_beside(&place, tmp, err) : fd;
    if (fd < 0)
        return fd;
    close(fd);
    unlink(tmp);
    return 0;
}

static int write_file(const char *path, struct slice bytes, struct err *err)
{
    char tmp[PATH_MAX + 8];
    struct place place;
    int rv = find_place(path, &place, err);
    const int fd = rv == 0 ? open_beside(&place, tmp, err) : rv;
    if (fd < 0)
        return fd;
    if (write_all(fd, bytes) != 0 || fchmod(fd, place.mode) != 0 || rename(tmp, place.path) != 0)
        rv = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    if (rv != 0)
        unlink(tmp);
    return rv;
}

/* -- tables -- */

static json_t *text_columns(const struct call_table *t)
{
    json_t *columns = json_array();
    for (int nth = 1; nth <= CALL_TABLE_COLUMNS; nth++)
        if (t->text_cols[nth])
            json_array_append_new(columns, json_integer(nth));
    return columns;
}

/* The request that makes the file's bytes of a table, and its reply. */
static int ask_kit(struct client *client, enum kind kind, const struct call_table *t, struct slice *reply,
                   struct err *err)
{
    struct buf arg = {0}, options = {0};
    json_t *columns = text_columns(t);
    json_t *body = kind == OUT_CSV
                       ? json_incref(t->rows)
                       : json_pack("[{sssisOsO}]", "name", "Muster", "head", 1, "rows", t->rows, "text_cols", columns);
    json_t *with = json_pack("{sO}", "text_cols", columns);
    char *text = json_dumps(body, JSON_COMPACT), *more = json_dumps(with, JSON_COMPACT);
    buf_fmt(&arg, "%s", kind == OUT_CSV ? "rows=" : "sheets=");
    buf_text(&arg, text);
    buf_fmt(&options, "options=%s", more);
    const struct slice words[] = {kind == OUT_CSV ? SLICE("cnkit.csv.format") : SLICE("cnkit.xlsx.write"),
                                  buf_view(&arg), buf_view(&options)};
    int rv = client_call(client, words, kind == OUT_CSV ? 3 : 2, reply, err);
    free(text);
    free(more);
    json_decref(body);
    json_decref(with);
    json_decref(columns);
    buf_close(&arg);
    buf_close(&options);
    return rv;
}

static int write_table(const char *path, enum kind kind, struct client *client, struct slice json,
                       const struct shape *shape, struct err *err)
{
    struct slice reply;
    struct node node;
    struct call_table table;
    json_t *value = json_loadb(json.data, json.len, JSON_DECODE_ANY, NULL);
    int rv = call_table_open(&table, value, shape, kind == OUT_XLSX, err);
    rv = rv ? rv : ask_kit(client, kind, &table, &reply, err);
    if (rv == 0) {
        struct reader r = {reader_strip(reply)};
        rv = reader_next(&r, &node) == 1 ? write_file(path, node.s, err)
                                         : err_set(err, ERR_PROTO, "the server's reply makes no sense");
    }
    call_table_close(&table);
    json_decref(value);
    return rv;
}

/* What a text or bytes are, as a file. On the wire both are the same: the declaration tells them apart, or their first
 * bytes do. */
static enum kind kind_of_bytes(struct slice s, const struct shape *shape)
{
    if (s.len > 4 && memcmp(s.data, "<svg", 4) == 0)
        return OUT_SVG;
    if (s.len > 2 && memcmp(s.data, "PK", 2) == 0)
        return OUT_XLSX;
    return (shape && shape->type == SHAPE_BLOB) || !utf8_valid(s) ? OUT_CSV : OUT_JSON;
}

static int write_bytes(const char *path, enum kind kind, struct slice bytes, enum kind is, struct err *err)
{
    if (is == kind)
        return write_file(path, bytes, err);
    if (kind == OUT_SVG)
        return err_set(err, ERR_STATE, "the reply is no picture; pictures.map, pictures.figure and cnkit.svg.* draw");
    return err_set(err, ERR_STATE, "the reply is %s, not %s; --out FILE%s takes it", kinds[is].found,
                   kinds[kind].wanted, kinds[is].ending);
}

static int write_reply(const char *path, struct client *client, struct slice reply, const struct shape *shape,
                       struct err *err)
{
    const enum kind kind = kind_of(path);
    struct reader r = {reader_strip(reply)};
    struct node node = {0};
    struct buf json = {0};
    if (reader_next(&r, &node) != 1)
        return err_set(err, ERR_PROTO, "the server's reply makes no sense");
    if (node.type == NODE_TEXT || node.type == NODE_BLOB) {
        const enum kind is = kind_of_bytes(node.s, shape);
        if (kind != OUT_JSON || is == OUT_XLSX || is == OUT_CSV)
            return write_bytes(path, kind, node.s, is, err);
    } else if (kind == OUT_SVG)
        return write_bytes(path, kind, node.s, OUT_JSON, err);
    int rv = render_json(reply, &json);
    if (rv != 0)
        err_set(err, rv, "the reply can't be shown as JSON");
    else if (kind == OUT_JSON) {
        buf_byte(&json, '\n');
        rv = write_file(path, buf_view(&json), err);
    } else
        rv = write_table(path, kind, client, buf_view(&json), shape, err);
    buf_close(&json);
    return rv;
}

int call_out_write(const char *path, struct client *client, struct slice reply, const struct shape *shape,
                   struct err *err)
{
    int rv = write_reply(path, client, reply, shape, err);
    if (rv == 0 || !err)
        return rv;
    /* Whoever reads this must not send a command again that has changed something. */
    struct err why = *err;
    err_rule(err, rv, why.rule, why.arg, "the command was carried out, but its reply could not be written: %s",
             why.text);
    return rv;
}
