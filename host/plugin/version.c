#include "plugin/version.h"

#include <stdlib.h>
#include <string.h>

/* Versions and ranges are short texts, parsed each time they are asked for: nothing is kept, nothing allocated. */

enum { NUMBER_MAX = 999999, COMPARISONS_MAX = 8 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Take a number without leading zeros from the front of `s`. */
static bool take_number(struct slice *s, int *out)
{
    size_t n = 0;
    long value = 0;
    for (; n < s->len && is_digit(s->data[n]); n++) {
        value = value * 10 + (s->data[n] - '0');
        if (value > NUMBER_MAX)
            return false;
    }
    if (n == 0 || (n > 1 && s->data[0] == '0'))
        return false;
    *out = (int)value;
    s->data += n;
    s->len -= n;
    return true;
}

static bool take_byte(struct slice *s, char byte)
{
    if (s->len == 0 || s->data[0] != byte)
        return false;
    s->data++;
    s->len--;
    return true;
}

/* The next identifier of a pre-release ("rc.1": "rc", then "1"), taken from the front. */
static struct slice take_identifier(struct slice *s)
{
    const char *dot = s->len ? memchr(s->data, '.', s->len) : NULL;
    struct slice id = {s->data, dot ? (size_t)(dot - s->data) : s->len};
    size_t taken = id.len + (dot != NULL);
    s->data += taken;
    s->len -= taken;
    return id;
}

static bool is_number(struct slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!is_digit(id.data[i]))
            return false;
    return id.len > 0;
}

/* Identifiers of letters, digits and '-', none empty, numbers without leading zeros (semver.org §9). */
static bool take_pre(struct slice s, char out[32])
{
    if (s.len == 0 || s.len >= 32 || s.data[s.len - 1] == '.')
        return false;
    memcpy(out, s.data, s.len);
    out[s.len] = '\0';
    while (s.len > 0) {
        struct slice id = take_identifier(&s);
        for (size_t i = 0; i < id.len; i++)
            if (!is_digit(id.data[i]) && !is_letter(id.data[i]) && id.data[i] != '-')
                return false;
        if (id.len == 0 || (is_number(id) && id.len > 1 && id.data[0] == '0'))
            return false;
    }
    return true;
}

/* `parts`: how many numbers there must be at least; missing ones are 0. */
static bool parse(struct slice s, int parts, struct version *out)
{
    int *const numbers[] = {&out->major, &out->minor, &out->patch};
    *out = (struct version){0};
    for (int i = 0; i < 3; i++) {
        if (i > 0 && !take_byte(&s, '.')) {
            if (i < parts)
                return false;
            break;
        }
        if (!take_number(&s, numbers[i]))
            return false;
        parts = i == 2 ? 3 : parts;
        if (i == 2 && take_byte(&s, '-'))
            return take_pre(s, out->pre);
    }
    return s.len == 0;
}

static int shown(struct slice s)
{
    return (int)(s.len > 60 ? 60 : s.len);
}

int version_parse(struct slice text, struct version *out, struct err *err)
{
    if (text.data && parse(text, 3, out))
        return 0;
    return err_rule(err, ERR_ARG, "version.form", NULL,
                    "version \"%.*s\": write MAJOR.MINOR.PATCH, with -PRERELEASE if it is none yet, such as 1.4.0 or "
                    "2.0.0-rc.1",
                    shown(text), text.data ? text.data : "");
}

static int compare_slices(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Numbers by value and below words, words by bytes. Without leading zeros, the longer number is the greater. */
static int compare_identifiers(struct slice a, struct slice b)
{
    bool x = is_number(a), y = is_number(b);
    if (x != y)
        return x ? -1 : 1;
    if (x && a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return compare_slices(a, b);
}

static int compare_pre(const char *a, const char *b)
{
    struct slice x = slice_of(a), y = slice_of(b);
    if (x.len == 0 || y.len == 0) /* a release comes after its pre-releases */
        return (x.len == 0) - (y.len == 0);
    while (x.len > 0 && y.len > 0) {
        int order = compare_identifiers(take_identifier(&x), take_identifier(&y));
        if (order)
            return order;
    }
    return (x.len > 0) - (y.len > 0);
}

int version_compare(const struct version *a, const struct version *b)
{
    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    if (a->patch != b->patch)
        return a->patch < b->patch ? -1 : 1;
    return compare_pre(a->pre, b->pre);
}

/* -- ranges -- */

struct comparison {
    enum { BELOW, UP_TO, EXACTLY, FROM, ABOVE } kind;
    struct version version;
};

static bool take_comparison(struct slice word, struct comparison *out)
{
    bool less = take_byte(&word, '<'), more = !less && take_byte(&word, '>'), equal = take_byte(&word, '=');
    if (!less && !more && !equal)
        return false;
    out->kind = less ? (equal ? UP_TO : BELOW) : more ? (equal ? FROM : ABOVE) : EXACTLY;
    return parse(word, 1, &out->version);
}

/* The comparisons of a range; their number, or -1 when it is malformed. */
static int take_range(struct slice range, struct comparison out[COMPARISONS_MAX])
{
    int count = 0;
    if (range.len == 0 || slice_is(range, "*"))
        return 0;
    for (size_t i = 0; i < range.len;) {
        size_t n = 0;
        while (i + n < range.len && range.data[i + n] != ' ')
            n++;
        if (n > 0 && (count == COMPARISONS_MAX || !take_comparison((struct slice){range.data + i, n}, &out[count++])))
            return -1;
        i += n + 1;
    }
    return count ? count : -1;
}

int range_check(struct slice range, struct err *err)
{
    struct comparison list[COMPARISONS_MAX];
    if (take_range(range, list) >= 0)
        return 0;
    return err_rule(err, ERR_ARG, "version.range", NULL,
                    "version range \"%.*s\": write comparisons joined by blanks, such as \">=1.2 <2\" or \"=1.0.3\", "
                    "or \"*\"",
                    shown(range), range.data);
}

static bool comparison_holds(const struct comparison *c, const struct version *v)
{
    int order = version_compare(v, &c->version);
    switch (c->kind) {
    case BELOW:
        return order < 0;
    case UP_TO:
        return order <= 0;
    case EXACTLY:
        return order == 0;
    case FROM:
        return order >= 0;
    case ABOVE:
        return order > 0;
    }
    abort();
}

bool range_holds(struct slice range, const struct version *v)
{
    struct comparison list[COMPARISONS_MAX];
    int n = take_range(range, list);
    bool named = v->pre[0] == '\0'; /* does the range speak of pre-releases? */
    for (int i = 0; i < n; i++) {
        named = named || list[i].version.pre[0];
        if (!comparison_holds(&list[i], v))
            return false;
    }
    return n >= 0 && named;
}
