/* One typed value: what a command's argument or a database column holds. */
#ifndef MUSTER_BASE_VALUE_H
#define MUSTER_BASE_VALUE_H

#include "base/buf.h"

enum value_type {
    VALUE_NULL,
    VALUE_INT,
    VALUE_DOUBLE,
    VALUE_BOOL, /* stored in `i` as 0 or 1 */
    VALUE_TEXT, /* UTF-8 in `s` */
    VALUE_BLOB, /* bytes in `s` */
    VALUE_JSON, /* JSON text in `s`, already checked */
};

/* Text and blobs are borrowed: the maker of the value says how long they live. */
struct value {
    enum value_type type;
    int64_t i;
    double d;
    struct slice s;
};

static inline struct value value_null(void)
{
    return (struct value){.type = VALUE_NULL};
}
static inline struct value value_int(int64_t i)
{
    return (struct value){.type = VALUE_INT, .i = i};
}
static inline struct value value_bool(bool b)
{
    return (struct value){.type = VALUE_BOOL, .i = b};
}
static inline struct value value_text(struct slice s)
{
    return (struct value){.type = VALUE_TEXT, .s = s};
}
static inline struct value value_cstr(const char *text)
{
    return text ? value_text(slice_of(text)) : value_null();
}

#endif
