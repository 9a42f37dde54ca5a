#include "base/err.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* One table out of the X-macro answers every question about a code. The row is the code without its sign; row 0, no
 * error, stays empty. A number that is no code is treated as INTERNAL, because only a bug of ours can produce it. */

struct row {
    const char *token;
    bool retry;
    int status;
};

static const struct row rows[ERR_COUNT] = {
#define X(name, token, retry, status) [ERR_##name##_N] = {token, retry, status},
    ERR_CODES(X)
#undef X
};

static const struct row *row_of(int code)
{
    return code < 0 && code > -ERR_COUNT ? &rows[-code] : &rows[ERR_INTERNAL_N];
}

/* Cut off a last character whose bytes did not all fit. */
static void mend_tail(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;
    while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back >= len)
        return;
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (back < need)
        text[len - 1 - back] = '\0';
}

static void copy(char *out, size_t size, const char *text)
{
    if (snprintf(out, size, "%s", text ? text : "") >= (int)size)
        mend_tail(out);
}

int err_vset(struct err *err, int code, const char *fmt, va_list ap)
{
    if (!err)
        return code;
    /* The arguments may point into the very struct that is filled (wrapping an earlier text), so write it last. */
    char text[sizeof(err->text)];
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    if (len < 0)
        text[0] = '\0';
    else if ((size_t)len >= sizeof(text))
        mend_tail(text);
    *err = (struct err){.code = code};
    memcpy(err->text, text, strlen(text) + 1);
    return code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, code, fmt, ap);
    va_end(ap);
    return code;
}

int err_rule(struct err *err, int code, const char *rule, const char *arg, const char *fmt, ...)
{
    if (!err)
        return code;
    struct err made = {0};
    va_list ap;
    va_start(ap, fmt);
    err_vset(&made, code, fmt, ap);
    va_end(ap);
    copy(made.rule, sizeof(made.rule), rule);
    copy(made.arg, sizeof(made.arg), arg);
    *err = made;
    return code;
}

const char *err_token(int code)
{
    return row_of(code)->token;
}

int err_from_token(const char *token, size_t len)
{
    for (int i = 1; i < ERR_COUNT; i++) {
        /* IO and INTERNAL share a token: a reader cannot tell them apart and takes the general one. */
        if (i != ERR_IO_N && strlen(rows[i].token) == len && memcmp(rows[i].token, token, len) == 0)
            return -i;
    }
    return ERR_INTERNAL;
}

bool err_retryable(int code)
{
    return code != 0 && row_of(code)->retry;
}

int err_exit_status(int code)
{
    return code == 0 ? 0 : row_of(code)->status;
}
