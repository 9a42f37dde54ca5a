#include "base/buf.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Capacity doubles, so that n appended bytes cost O(n) copies. The maximum bounds the content; the allocation may be
 * one byte larger, for the NUL of buf_cstr and of vsnprintf. */

enum { FIRST_BYTES = 64, KEPT_BYTES = 64 * 1024 };

struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max = max_bytes};
}

void buf_close(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->cap > KEPT_BYTES) {
        buf->data = mem_realloc(buf->data, KEPT_BYTES);
        buf->cap = KEPT_BYTES;
    }
}

/* Capacity for at least `need` bytes, the maximum left aside. */
static void grow(struct buf *buf, size_t need)
{
    if (need <= buf->cap)
        return;
    size_t cap = buf->cap ? buf->cap : FIRST_BYTES;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (buf->max && cap > buf->max && need <= buf->max + 1)
        cap = buf->max + 1;
    buf->data = mem_realloc(buf->data, cap);
    buf->cap = cap;
}

/* Do `extra` more bytes stay within the maximum? */
static bool fits(const struct buf *buf, size_t extra)
{
    size_t max = buf->max && buf->max < SIZE_MAX / 2 ? buf->max : SIZE_MAX / 2;
    return buf->len <= max && extra <= max - buf->len;
}

int buf_reserve(struct buf *buf, size_t extra)
{
    if (!fits(buf, extra))
        return ERR_TOOBIG;
    grow(buf, buf->len + extra);
    return 0;
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return 0;
    int rv = buf_reserve(buf, len);
    if (rv)
        return rv;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return 0;
}

int buf_slice(struct buf *buf, struct slice s)
{
    return buf_append(buf, s.data, s.len);
}

int buf_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

int buf_byte(struct buf *buf, char byte)
{
    return buf_append(buf, &byte, 1);
}

int buf_int(struct buf *buf, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    /* Negate as unsigned: the smallest int64 has no positive twin. */
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        digits[--at] = '-';
    return buf_append(buf, digits + at, sizeof(digits) - at);
}

int buf_fmt(struct buf *buf, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = buf->cap - buf->len;
    int need = vsnprintf(room ? buf->data + buf->len : NULL, room, fmt, ap);
    int rv = need < 0 ? ERR_INTERNAL : fits(buf, (size_t)need) ? 0 : ERR_TOOBIG;
    if (rv == 0 && (size_t)need >= room) {
        grow(buf, buf->len + (size_t)need + 1);
        vsnprintf(buf->data + buf->len, (size_t)need + 1, fmt, again);
    }
    if (rv == 0)
        buf->len += (size_t)need;
    va_end(again);
    va_end(ap);
    return rv;
}

void buf_consume(struct buf *buf, size_t count)
{
    if (count == 0)
        return;
    buf->len -= count;
    if (buf->len)
        memmove(buf->data, buf->data + count, buf->len);
}

void buf_truncate(struct buf *buf, size_t len)
{
    buf->len = len;
}

const char *buf_cstr(struct buf *buf)
{
    grow(buf, buf->len + 1);
    buf->data[buf->len] = '\0';
    return buf->data;
}

struct slice buf_view(const struct buf *buf)
{
    return (struct slice){buf->data, buf->len};
}

static void *or_abort(void *p)
{
    if (!p) {
        fputs("muster: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return or_abort(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return or_abort(calloc(1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
    return or_abort(realloc(p, size ? size : 1));
}

char *mem_dup(const char *text)
{
    return mem_dup_slice(slice_of(text));
}

char *mem_dup_slice(struct slice s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}
