/* Replies: the measure agrees with the walk and with every prefix, and nothing outside the bytes is ever pointed at. */

#include "wire/reader.h"

#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

enum { PREFIX_BYTES = 200 };

static bool inside(struct slice part, struct slice whole)
{
    return part.len == 0 || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* Walk the one value that `whole` is, counting what is still to come. */
static void walk(struct slice whole)
{
    struct reader r = {whole};
    for (int64_t left = 1; left > 0; left--) {
        struct node node;
        MUST(reader_next(&r, &node) == 1);
        MUST(inside(node.s, whole) && node.count >= 0);
        if (node.type == NODE_MAP || node.type == NODE_ATTRIBUTE)
            left += 2 * node.count;
        else if (node.type >= NODE_ARRAY)
            left += node.count;
        left += node.type == NODE_ATTRIBUTE;
    }
    MUST(r.rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    long verdict = reader_measure(in);
    MUST(verdict == ERR_PROTO || verdict == ERR_TOOBIG || (verdict >= 0 && (size_t)verdict <= size));
    for (size_t n = 0; n <= size && n <= PREFIX_BYTES; n++) {
        long rv = reader_measure((struct slice){in.data, n});
        MUST(rv == 0 || rv == verdict);
    }
    struct reader r = {in};
    MUST((reader_skip(&r) == 0) == (verdict > 0));
    if (verdict > 0) {
        struct slice whole = {in.data, (size_t)verdict};
        MUST(r.rest.len == size - whole.len);
        walk(whole);
        struct slice value = reader_strip(whole);
        MUST(inside(value, whole) && reader_measure(value) == (long)value.len);
    }
    struct err err = {0};
    if (reader_error(in, &err))
        MUST(err.code < 0 && memchr(err.rule, 0, sizeof(err.rule)) && memchr(err.text, 0, sizeof(err.text)));
    reader_is_replayed(in);
    return 0;
}
