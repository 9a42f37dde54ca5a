#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line is built on the stack and leaves in one write(2), so lines of several threads never mix and nothing needs a
 * lock. What is logged may come from a client: control characters (C0, DEL, C1) are escaped so that it cannot forge
 * lines or drive the terminal of whoever reads them. */

enum { LINE_BYTES = 2048 };

static const char *const names[] = {"debug", "info", "warn", "error"};
static _Atomic int lowest = LOG_INFO;
static void (*_Atomic sink)(enum log_level level, const char *module, const char *text);

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&lowest, memory_order_relaxed);
}

void log_set_sink(void (*to)(enum log_level level, const char *module, const char *text))
{
    atomic_store(&sink, to);
}

int log_level_parse(const char *name)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (name && strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the character that begins at `p`, as far as they are there. */
static size_t char_bytes(const unsigned char *p)
{
    size_t n = 1;
    if (*p >= 0xC0) {
        while (n < 4 && is_continuation(p[n]))
            n++;
    }
    return n;
}

/* The escape of the character at `p`, of `n` bytes, or NULL when it may stand as it is. */
static const char *escape(const unsigned char *p, size_t n, char out[8])
{
    bool c1 = *p == 0xC2 && n == 2 && p[1] < 0xA0;
    if (*p >= 0x20 && *p != 0x7F && !is_continuation(*p) && !c1)
        return NULL;
    if (*p == '\n' || *p == '\r' || *p == '\t')
        snprintf(out, 8, "\\%c", *p == '\n' ? 'n' : *p == '\r' ? 'r' : 't');
    else
        snprintf(out, 8, "\\x%02x", c1 ? p[1] : *p);
    return out;
}

/* Escape `text` onto `line`; what does not fit whole, with a byte left for the newline, is left out. */
static size_t put_escaped(char *line, size_t at, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t n = char_bytes(p);
        char escaped[8];
        const char *from = escape(p, n, escaped);
        size_t len = from ? strlen(from) : n;
        if (at + len + 1 > LINE_BYTES)
            break;
        memcpy(line + at, from ? from : (const char *)p, len);
        at += len;
        p += n;
    }
    return at;
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&lowest, memory_order_relaxed))
        return;
    int saved = errno; /* a caller may log before it has looked at errno */
    char text[LINE_BYTES], line[LINE_BYTES], when[36];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    void (*to)(enum log_level, const char *, const char *) = atomic_load(&sink);
    if (to) {
        to(level, module, text);
        errno = saved;
        return;
    }
    clock_format_instant(clock_now_ms(), 0, when);
    size_t at = (size_t)snprintf(line, sizeof(line), "%s %s %.32s: ", when, names[level], module);
    at = put_escaped(line, at, text);
    line[at++] = '\n';
    while (write(STDERR_FILENO, line, at) < 0 && errno == EINTR)
        ;
    errno = saved;
}
