/* Declarations and the words that are bound by them: `specs NUL word NUL word …`. Whatever is accepted must hash and
 * redact, and bind the same way again. */
#include "plugin/args.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int split(char *text, size_t size, struct slice *words, int max)
{
    int n = 0;
    for (size_t at = 0; at < size && n < max; n++) {
        size_t len = strnlen(text + at, size - at);
        words[n] = (struct slice){text + at, len};
        at += len + 1;
    }
    return n;
}

static void bind_twice(const struct arg *args, int nargs, enum mode mode, const struct slice *words, int nwords)
{
    struct bound a = {0}, b = {0};
    struct buf audit = {0};
    struct err err = {0};
    struct command command = {.name = "a.b", .args = args, .nargs = nargs};
    unsigned char x[32], y[32];
    int first = args_bind(args, nargs, mode, words, nwords, &a, &err);
    int second = args_bind(args, nargs, mode, words, nwords, &b, NULL);
    if (first != second || (first != 0 && (err.code != first || !err.rule[0])))
        abort();
    if (first == 0) {
        args_hash(&command, &a, x);
        args_hash(&command, &b, y);
        args_redacted(&command, &a, 300, &audit);
        if (memcmp(x, y, sizeof(x)) != 0 || audit.len > 300)
            abort();
    }
    buf_close(&audit);
    bound_close(&a);
    bound_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    struct arg *args = NULL;
    struct err err = {0};
    struct slice words[16];
    int nargs = 0;
    size_t head = strlen(text);
    if (args_parse(text, &args, &nargs, &err) == 0) {
        int n = head < size ? split(text + head + 1, size - head - 1, words, 16) : 0;
        bind_twice(args, nargs, MODE_READ, words, n);
        bind_twice(args, nargs, MODE_WRITE, words, n);
    } else if (err.code != ERR_ARG || args) {
        abort();
    }
    args_free(args);
    free(text);
    return 0;
}
