/* Writer and renderings: the input is read as a program that writes a reply. Whatever it writes whole must be readable, in all
 * three renderings, within its limits. Then the input itself is taken for a canonical reply, which it rarely is. */

#include "base/utf8.h"
#include "wire/json.h"
#include "wire/reader.h"
#include "wire/render.h"
#include "wire/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

struct program {
    const uint8_t *p, *end;
    int keys; /* keys are numbered: JSON wants each once */
};

static unsigned take(struct program *program)
{
    return program->p < program->end ? *program->p++ : 0;
}

static struct slice take_bytes(struct program *program)
{
    size_t len = take(program) % 40, left = (size_t)(program->end - program->p);
    struct slice s = {(const char *)program->p, len < left ? len : left};
    program->p += s.len;
    return s;
}

static void write_text(struct reply *r, struct program *program)
{
    struct slice s = take_bytes(program);
    reply_text(r, utf8_valid(s) ? s : SLICE("中\n\""));
}

static void write_one(struct reply *r, struct program *program)
{
    double d;
    struct slice s;
    char key[16];
    switch (take(program) % 12) {
    case 0:
        reply_null(r);
        break;
    case 1:
        reply_bool(r, take(program) & 1);
        break;
    case 2:
        reply_int(r, (int64_t)((uint64_t)take(program) << 56 | take(program)));
        break;
    case 3:
        s = take_bytes(program);
        d = (double)take(program) / 3;
        if (s.len >= sizeof(d))
            memcpy(&d, s.data, sizeof(d));
        reply_double(r, d);
        break;
    case 4:
        write_text(r, program);
        break;
    case 5:
        reply_blob(r, take_bytes(program));
        break;
    case 6:
        reply_status(r, "OK");
        break;
    case 7:
        reply_array_open(r);
        break;
    case 8:
        reply_map_open(r);
        break;
    case 9:
        reply_raw(r, take_bytes(program));
        break;
    case 10: {
        struct buf digits = {.data = key, .cap = sizeof(key), .max = sizeof(key) - 1};
        buf_int(&digits, program->keys++);
        reply_key(r, buf_cstr(&digits));
        break;
    }
    default:
        reply_close(r);
    }
}

/* Complete what the program left open, so that most programs end in a whole reply. */
static void finish(struct reply *r, struct program *program)
{
    while (r->code == 0 && r->depth > 0) {
        if (r->open[r->depth - 1].map && r->open[r->depth - 1].count % 2)
            reply_int(r, program->keys++);
        reply_close(r);
    }
}

static void check_rendered(int (*render)(struct slice, struct buf *), struct slice canonical, bool trusted)
{
    struct buf out = {0}, tight;
    int rv = render(canonical, &out);
    MUST(rv == 0 || (!trusted && rv == ERR_PROTO && out.len == 0));
    /* RESP3 copies bytes without attribute or blob unread: only what the writer wrote can be judged. */
    if (rv == 0 && render != render_json && (trusted || render == render_resp2))
        MUST(reader_measure(buf_view(&out)) == (long)out.len);
    if (rv == 0 && out.len > 1) {
        buf_init(&tight, out.len - 1);
        MUST(render(canonical, &tight) == ERR_TOOBIG && tight.len == 0);
        buf_close(&tight);
    }
    buf_close(&out);
}

static void check_all(struct slice canonical, bool trusted)
{
    check_rendered(render_resp2, canonical, trusted);
    check_rendered(render_resp3, canonical, trusted);
    /* A raw value may hold what JSON text cannot: other bytes than UTF-8 in a string. */
    check_rendered(render_json, canonical, trusted && utf8_valid(canonical));
}

/* Cut into `size`; empty texts are the commonest in errors. */
static void take_field(struct program *program, char *field, size_t size)
{
    struct slice s = take_bytes(program);
    s.len = utf8_valid(s) && s.len < size ? s.len : 0;
    memcpy(field, s.data, s.len);
    field[s.len] = '\0';
}

/* An error says the same canonically and rendered; a rule that is not in our spelling stays in front of the text. */
static void check_error(struct program program)
{
    struct err e = {.code = ERR_ARG}, said, read;
    struct buf canonical = {0}, out = {0};
    char whole[sizeof(e.rule) + sizeof(e.text) + 2], again[sizeof(whole)];
    take_field(&program, e.text, sizeof(e.text));
    take_field(&program, e.arg, sizeof(e.arg));
    take_field(&program, e.state, sizeof(e.state));
    take_field(&program, e.allowed, sizeof(e.allowed));
    take_field(&program, e.rule, sizeof(e.rule));
    reply_error(&canonical, &e);
    check_all(buf_view(&canonical), true);
    MUST(reader_error(buf_view(&canonical), &said));
    for (int proto = 2; proto <= 3; proto++) {
        buf_clear(&out);
        MUST((proto == 2 ? render_resp2 : render_resp3)(buf_view(&canonical), &out) == 0);
        MUST(reader_error(buf_view(&out), &read) && read.code == said.code);
        MUST(!strcmp(read.arg, said.arg) && !strcmp(read.state, said.state) && !strcmp(read.allowed, said.allowed));
        snprintf(whole, sizeof(whole), "%s%s%s", said.rule, said.rule[0] ? ": " : "", said.text);
        snprintf(again, sizeof(again), "%s%s%s", read.rule, read.rule[0] ? ": " : "", read.text);
        MUST(strcmp(whole, again) == 0);
    }
    buf_close(&canonical);
    buf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program program = {data, data + size, 0};
    struct buf out = {0}, marked = {0};
    struct reply r;
    size_t max = (take(&program) + 1) * 8u;
    reply_begin(&r, &out, max);
    while (program.p < program.end && r.code == 0 && (r.depth > 0 || out.len == 0))
        write_one(&r, &program);
    finish(&r, &program);
    int rv = reply_finish(&r);
    MUST(rv == 0 || rv == ERR_TOOBIG || rv == ERR_INTERNAL);
    MUST(rv == 0 ? out.len > 0 && out.len <= max : out.len == 0);
    if (rv == 0) {
        MUST(reader_measure(buf_view(&out)) == (long)out.len);
        check_all(buf_view(&out), true);
        reply_replayed(&marked, buf_view(&out));
        MUST(reader_is_replayed(buf_view(&marked)));
        MUST(slice_eq(reader_strip(buf_view(&marked)), buf_view(&out)));
        check_all(buf_view(&marked), true);
    }
    check_error((struct program){data, data + size, 0});
    check_all((struct slice){(const char *)data, size}, false);
    buf_close(&out);
    buf_close(&marked);
    return 0;
}
