/* Bytes that grow up to a hard maximum, and slices of bytes owned by somebody else. */
#ifndef MUSTER_BASE_BUF_H
#define MUSTER_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes, not NUL-terminated. Valid as long as the owner says. */
struct slice {
    const char *data;
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
struct slice slice_of(const char *text); /* NULL gives an empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *text);

/* A growing array of bytes. A zeroed struct is empty and has no maximum.
 * Growth past `max` fails and changes nothing; running out of memory aborts the process. */
struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* bytes; 0: unlimited */
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_close(struct buf *buf); /* frees; the struct is empty and usable again */
void buf_clear(struct buf *buf); /* length 0; keeps at most 64 KiB of capacity */
/* Room for `extra` more bytes. 0, or ERR_TOOBIG and unchanged. */
int buf_reserve(struct buf *buf, size_t extra);
int buf_append(struct buf *buf, const void *data, size_t len);
int buf_slice(struct buf *buf, struct slice s);
int buf_text(struct buf *buf, const char *text);
int buf_byte(struct buf *buf, char byte);
int buf_int(struct buf *buf, int64_t value); /* decimal digits */
int buf_fmt(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drop the first `count` bytes (count <= len). */
void buf_consume(struct buf *buf, size_t count);
/* Cut back to `len` bytes (len <= buf->len). */
void buf_truncate(struct buf *buf, size_t len);
/* NUL-terminated view of the content (the NUL is not counted). Valid until the next change. */
const char *buf_cstr(struct buf *buf);
struct slice buf_view(const struct buf *buf);

/* malloc, calloc, realloc, strdup that abort when memory is out: client-driven sizes are bounded elsewhere. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *p, size_t size);
char *mem_dup(const char *text);
char *mem_dup_slice(struct slice s); /* NUL-terminated copy */

#endif
