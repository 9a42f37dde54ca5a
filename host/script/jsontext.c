#include "script/jsontext.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Equal values must have equal texts: the hash of an idempotent request is taken over them. So keys are sorted by bytes
 * and a number has one spelling. */

int jsontext_quote(struct slice text, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    int rv = buf_byte(out, '"');
    size_t plain = 0; /* bytes before i that are not yet written */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        rv |= buf_append(out, text.data + plain, i - plain);
        plain = i + 1;
        if (c == '"' || c == '\\')
            rv |= buf_append(out, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            rv |= buf_append(out, "\\n", 2);
        else
            rv |= buf_append(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
    rv |= buf_append(out, text.data + plain, text.len - plain);
    rv |= buf_byte(out, '"');
    return rv ? ERR_TOOBIG : 0;
}

int jsontext_double(double d, struct buf *out)
{
    if (!isfinite(d))
        return ERR_ARG;
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return buf_text(out, text);
}

static int put_array(const json_t *value, struct buf *out)
{
    int rv = buf_byte(out, '[');
    for (size_t i = 0; i < json_array_size(value) && rv == 0; i++) {
        if (i > 0)
            rv = buf_byte(out, ',');
        if (rv == 0)
            rv = jsontext_put(json_array_get(value, i), out);
    }
    return rv ? rv : buf_byte(out, ']');
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_object(const json_t *value, struct buf *out)
{
    size_t n = json_object_size(value), i = 0;
    const char **keys = mem_alloc((n + 1) * sizeof(*keys));
    json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators take no const; nothing is changed */
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        keys[i++] = json_object_iter_key(it);
    qsort(keys, n, sizeof(*keys), by_bytes);
    int rv = buf_byte(out, '{');
    for (i = 0; i < n && rv == 0; i++) {
        if (i > 0)
            rv = buf_byte(out, ',');
        if (rv == 0)
            rv = jsontext_quote(slice_of(keys[i]), out);
        if (rv == 0)
            rv = buf_byte(out, ':');
        if (rv == 0)
            rv = jsontext_put(json_object_get(value, keys[i]), out);
    }
    free(keys);
    return rv ? rv : buf_byte(out, '}');
}

int jsontext_put(const json_t *value, struct buf *out)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(value, out);
    case JSON_ARRAY:
        return put_array(value, out);
    case JSON_STRING:
        return jsontext_quote((struct slice){json_string_value(value), json_string_length(value)}, out);
    case JSON_INTEGER:
        return buf_int(out, json_integer_value(value));
    case JSON_REAL:
        return jsontext_double(json_real_value(value), out);
    case JSON_TRUE:
        return buf_text(out, "true");
    case JSON_FALSE:
        return buf_text(out, "false");
    default:
        return buf_text(out, "null");
    }
}

/* Nesting of the text, strings skipped: asked before parsing, so that no recursion follows a client's depth. */
static int depth_of(struct slice text)
{
    int depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest)
                deepest = depth;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return deepest;
}

int jsontext_parse(struct slice text, json_t **out, struct err *err)
{
    *out = NULL;
    if (depth_of(text) > JSON_DEPTH_MAX)
        return err_set(err, ERR_ARG, "JSON nested deeper than %d", JSON_DEPTH_MAX);
    json_error_t why;
    json_t *value = json_loadb(text.data ? text.data : "", text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (!value)
        return err_set(err, ERR_ARG, "not JSON: %s, at byte %d", why.text, why.position);
    *out = value;
    return 0;
}
