#include "cli/console.h"

#include "wire/reader.h"
#include "wire/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One lua.eval: asking it, and showing what it answers. A command that is to be tried out becomes a piece of Lua that
 * calls it; what belongs to the request rather than to the command (at, lang, timeout_ms) goes with the lua.eval. */

/* Whether it was run when the connection fails is not known: sending it again is the user's decision. */
static int send(struct client **client, const struct slice *words, int n, struct slice *reply, struct err *err)
{
    int rv = client_queue(*client, words, n, err);
    if (rv == 0)
        rv = client_read(*client, reply, err);
    if (rv != 0) {
        client_close(*client);
        *client = NULL;
    }
    return rv == 0 && reader_error(*reply, err) ? err->code : rv;
}

int console_ask(struct client **client, const struct console_piece *p, json_t **out, struct err *err)
{
    struct buf plugin = {0}, text = {0}, code = {0};
    struct slice words[4 + CONSOLE_OWN_MAX] = {SLICE("lua.eval")}, reply;
    int n = 2;
    *out = NULL;
    buf_fmt(&code, "code=%.*s", (int)p->code.len, p->code.data);
    words[1] = buf_view(&code);
    if (p->plugin) {
        buf_fmt(&plugin, "plugin=%s", p->plugin);
        words[n++] = buf_view(&plugin);
    }
    if (p->commit)
        words[n++] = SLICE("commit=true");
    for (int i = 0; i < p->nown; i++)
        words[n++] = p->own[i];
    int rv = send(client, words, n, &reply, err);
    if (rv == 0 && render_json(reply, &text) == 0)
        *out = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
    if (rv == 0 && !*out)
        rv = err_set(err, ERR_PROTO, "the server's reply is none of lua.eval's");
    buf_close(&plugin);
    buf_close(&code);
    buf_close(&text);
    return rv;
}

/* -- showing -- */

static void print_side(const char *label, const json_t *side)
{
    char *text = json_dumps(side, JSON_COMPACT | JSON_ENCODE_ANY);
    printf("%s%s", label, text);
    free(text);
}

static void print_row(const json_t *row)
{
    const json_t *before = json_object_get(row, "before"), *after = json_object_get(row, "after");
    const char *op = json_string_value(json_object_get(row, "op"));
    printf("%c %s ",
           !op || *op == 'u' ? '~'
           : *op == 'i'      ? '+'
                             : '-',
           json_string_value(json_object_get(row, "table")));
    if (json_is_object(before))
        print_side("", before);
    if (json_is_object(before) && json_is_object(after))
        printf(" → ");
    if (json_is_object(after))
        print_side("", after);
    printf("\n");
}

long long console_rows(const json_t *reply)
{
    return (long long)json_array_size(json_object_get(reply, "rows")) +
           json_integer_value(json_object_get(reply, "more"));
}

static void print_rows(const json_t *reply, const char *hint)
{
    size_t i;
    json_t *row;
    bool kept = json_is_true(json_object_get(reply, "kept"));
    long long rows = console_rows(reply), more = json_integer_value(json_object_get(reply, "more"));
    json_array_foreach(json_object_get(reply, "rows"), i, row) print_row(row);
    if (more > 0)
        printf("… and %lld more\n", more);
    if (rows > 0)
        printf("%lld row%s %s%s\n", rows, rows == 1 ? "" : "s", kept ? "changed, and kept" : "would change",
               kept ? "" : hint);
}

void console_print(const json_t *reply, bool json, const char *hint)
{
    size_t i;
    json_t *value;
    const char *printed = json_string_value(json_object_get(reply, "printed"));
    if (json) {
        print_side("", reply);
        printf("\n");
    } else {
        fputs(printed ? printed : "", stdout);
        json_array_foreach(json_object_get(reply, "values"), i, value) puts(json_string_value(value));
        print_rows(reply, hint);
    }
    fflush(stdout);
}

/* -- for muster call -- */

/* As a text of Lua, whatever its bytes are. */
static void quote(struct buf *out, struct slice s)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c < ' ' || c == '"' || c == '\\' || c == 0x7F)
            buf_fmt(out, "\\%03d", c);
        else
            buf_byte(out, (char)c);
    }
    buf_byte(out, '"');
}

/* The length of NAME in "NAME=VALUE", or 0. */
static size_t name_length(struct slice word)
{
    size_t n = 0;
    while (n < word.len && strchr("abcdefghijklmnopqrstuvwxyz0123456789_", word.data[n]))
        n++;
    return n < word.len && word.data[n] == '=' ? n : 0;
}

/* What belongs to the request, and not to the command in it. */
static bool is_own(struct slice name)
{
    return slice_is(name, "at") || slice_is(name, "lang") || slice_is(name, "timeout_ms");
}

/* return call:invoke("NAME", { ["ARG"] = "VALUE", … }): texts are taken as words are. */
static int write_call(struct buf *code, const struct slice *words, int count, const struct doc_command *doc,
                      struct console_piece *piece, struct err *err)
{
    buf_text(code, "return call:invoke(");
    quote(code, words[0]);
    buf_text(code, ", {");
    for (int i = 1; i < count; i++) {
        struct slice name = {words[i].data, name_length(words[i])}, value = words[i];
        if (is_own(name) && piece->nown < CONSOLE_OWN_MAX) {
            piece->own[piece->nown++] = words[i];
            continue;
        }
        if (name.len > 0)
            value = (struct slice){words[i].data + name.len + 1, words[i].len - name.len - 1};
        else if (doc && i <= doc->nargs)
            name = slice_of(doc->args[i - 1].name);
        else
            return err_set(err, ERR_ARG, "%.*s: an argument too many, or one without a name", (int)value.len,
                           value.data);
        buf_text(code, " [");
        quote(code, name);
        buf_text(code, "] = ");
        quote(code, value);
        buf_byte(code, ',');
    }
    buf_text(code, " })");
    return 0;
}

int console_try(struct client **client, const struct slice *words, int count, const struct docs *docs, bool json,
                struct err *err)
{
    struct buf code = {0};
    struct console_piece piece = {0};
    json_t *reply = NULL;
    int rv = write_call(&code, words, count, docs_find(docs, words[0]), &piece, err);
    piece.code = buf_view(&code);
    if (rv == 0)
        rv = console_ask(client, &piece, &reply, err);
    if (rv == 0)
        console_print(reply, json, "; nothing was kept");
    json_decref(reply);
    buf_close(&code);
    return rv;
}
