#include "plugin/args.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "plugin/spec.h"
#include "script/jsontext.h"

#include <string.h>

/* One text of a request becomes one typed value by its declaration. Refusals read `name: TEXT is not …`, with the rule
 * "arg.type", "arg.range" or "arg.utf8". The texts of secrets are never repeated. */

enum { SHOWN_BYTES = 60 };

struct subject {
    const struct arg *arg;
    struct slice text;
    struct err *err;
};

static int refuse(const struct subject *s, const char *rule, const char *why)
{
    if (s->arg->secret)
        return err_rule(s->err, ERR_ARG, rule, s->arg->name, "%s: the value %s", s->arg->name, why);
    if (!utf8_valid(s->text))
        return err_rule(s->err, ERR_ARG, rule, s->arg->name, "%s: the text %s", s->arg->name, why);
    size_t shown = utf8_cut(s->text, SHOWN_BYTES);
    return err_rule(s->err, ERR_ARG, rule, s->arg->name, "%s: %.*s%s %s", s->arg->name, s->text.len ? (int)shown : 10,
                    s->text.len ? s->text.data : "empty text", shown < s->text.len ? "…" : "", why);
}

static int refuse_type(const struct subject *s, const char *why)
{
    return refuse(s, "arg.type", why);
}

static int refuse_range(const struct subject *s, int64_t min, int64_t max, const char *what)
{
    const char *name = s->arg->name;
    if (min == INT64_MIN)
        return err_rule(s->err, ERR_ARG, "arg.range", name, "%s: at most %lld%s", name, (long long)max, what);
    if (max == INT64_MAX)
        return err_rule(s->err, ERR_ARG, "arg.range", name, "%s: at least %lld%s", name, (long long)min, what);
    return err_rule(s->err, ERR_ARG, "arg.range", name, "%s: from %lld to %lld%s", name, (long long)min, (long long)max,
                    what);
}

int parse_int(struct slice text, int64_t *out)
{
    size_t i = text.len > 0 && text.data[0] == '-';
    bool negative = i == 1;
    if (i == text.len)
        return ERR_ARG;
    uint64_t value = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    bool over = false;
    for (; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return ERR_ARG;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        over = over || value > (limit - digit) / 10;
        if (!over)
            value = value * 10 + digit;
    }
    if (over)
        return ERR_LIMIT;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

static int take_int(const struct subject *s, struct value *out)
{
    bool fen = s->arg->type == ARG_FEN;
    int64_t i = 0;
    int rv = parse_int(s->text, &i);
    if (rv == ERR_ARG)
        return refuse_type(s, fen ? "is not a whole number of fen" : "is not a whole number");
    if (rv == ERR_LIMIT)
        return refuse(s, "arg.range", "does not fit into 64 bits");
    if (i < s->arg->min || i > s->arg->max)
        return refuse_range(s, s->arg->min, s->arg->max, fen ? " fen" : "");
    *out = value_int(i);
    return 0;
}

static int take_text(const struct subject *s, struct value *out)
{
    if (!utf8_valid(s->text))
        return err_rule(s->err, ERR_ARG, "arg.utf8", s->arg->name, "%s: not valid UTF-8 without NUL", s->arg->name);
    int64_t count = (int64_t)utf8_count(s->text);
    if (count == 0 && s->arg->min > 0)
        return err_rule(s->err, ERR_ARG, "arg.range", s->arg->name, "%s: must not be empty", s->arg->name);
    if (count < s->arg->min || count > s->arg->max)
        return refuse_range(s, s->arg->min, s->arg->max, " characters");
    *out = value_text(s->text);
    return 0;
}

static int take_bool(const struct subject *s, struct value *out)
{
    static const char *const yes[] = {"1", "true", "yes"}, *const no[] = {"0", "false", "no"};
    for (int i = 0; i < 3; i++)
        if (slice_is(s->text, yes[i]) || slice_is(s->text, no[i])) {
            *out = value_bool(slice_is(s->text, yes[i]));
            return 0;
        }
    return refuse_type(s, "is not one of 1 0 true false yes no");
}

static int take_enum(const struct subject *s, struct value *out)
{
    for (const char *const *word = s->arg->words; *word; word++)
        if (slice_is(s->text, *word)) {
            *out = value_cstr(*word);
            return 0;
        }
    char list[160];
    size_t len = 0;
    for (const char *const *word = s->arg->words; *word && len + strlen(*word) + 3 < sizeof(list); word++) {
        memcpy(list + len, *word, strlen(*word));
        len += strlen(*word);
        list[len++] = ',';
        list[len++] = ' ';
    }
    list[len >= 2 ? len - 2 : 0] = '\0';
    char why[200] = "is not one of ";
    strcat(why, list);
    int rv = refuse(s, "arg.type", why);
    if (s->err)
        strcpy(s->err->allowed, list);
    return rv;
}

static int take_date(const struct subject *s, struct value *out)
{
    int64_t days;
    if (clock_parse_date(s->text, &days) != 0)
        return refuse_type(s, "is not a day as YYYY-MM-DD");
    *out = value_text(s->text);
    return 0;
}

static int take_instant(const struct subject *s, struct value *out)
{
    int64_t ms;
    if (clock_parse_instant(s->text, &ms) != 0)
        return refuse_type(s,
                           "is not an instant as 2020-03-18T18:28:00+08:00 (offset or Z required) or a number of ms");
    *out = value_int(ms);
    return 0;
}

static int take_json(const struct subject *s, struct buf *scratch, struct value *out)
{
    const char *name = s->arg->name;
    if ((int64_t)s->text.len > s->arg->max || (int64_t)s->text.len < s->arg->min)
        return refuse_range(s, s->arg->min, s->arg->max, " bytes");
    struct err why = {0};
    json_t *json = NULL;
    if (jsontext_parse(s->text, &json, &why) != 0)
        return err_rule(s->err, ERR_ARG, "arg.type", name, "%s: %s", name, s->arg->secret ? "not JSON" : why.text);
    size_t start = scratch->len;
    int rv = jsontext_put(json, scratch);
    json_decref(json);
    if (rv != 0)
        return err_rule(s->err, ERR_ARG, "arg.range", name, "%s: too big", name);
    *out = (struct value){.type = VALUE_JSON, .s = {scratch->data + start, scratch->len - start}};
    return 0;
}

static int take_blob(const struct subject *s, struct value *out)
{
    if ((int64_t)s->text.len > s->arg->max || (int64_t)s->text.len < s->arg->min)
        return refuse_range(s, s->arg->min, s->arg->max, " bytes");
    *out = (struct value){.type = VALUE_BLOB, .s = s->text};
    return 0;
}

static int take_one(const struct subject *s, struct buf *scratch, struct value *out)
{
    switch (s->arg->type) {
    case ARG_INT:
    case ARG_FEN:
        return take_int(s, out);
    case ARG_BOOL:
        return take_bool(s, out);
    case ARG_DATE:
        return take_date(s, out);
    case ARG_INSTANT:
        return take_instant(s, out);
    case ARG_ENUM:
        return take_enum(s, out);
    case ARG_JSON:
        return take_json(s, scratch, out);
    case ARG_BLOB:
        return take_blob(s, out);
    case ARG_TEXT:
    case ARG_UNIT:
        break;
    }
    return take_text(s, out);
}

/* -- arrays: checked item by item, kept as one JSON array -- */

static int put_item(const struct value *v, struct buf *out)
{
    switch (v->type) {
    case VALUE_INT:
        return buf_int(out, v->i);
    case VALUE_BOOL:
        return buf_text(out, v->i ? "true" : "false");
    case VALUE_JSON:
        return buf_slice(out, v->s);
    default:
        return jsontext_quote(v->s, out);
    }
}

/* Check one item and append it to `out`. */
static int take_item(const struct subject *s, int index, struct slice text, struct buf *out)
{
    struct err why = {0};
    struct buf inner = {0};
    struct subject item = {s->arg, text, &why};
    struct value v;
    int rv = take_one(&item, &inner, &v);
    if (rv == 0) {
        if (index > 0)
            buf_byte(out, ',');
        put_item(&v, out);
    } else if (s->err) {
        *s->err = why;
        const char *rest = why.text + strlen(s->arg->name);
        err_rule(s->err, rv, why.rule, s->arg->name, "%s, item %d%s", s->arg->name, index + 1, rest);
        strcpy(s->err->allowed, why.allowed);
    }
    buf_close(&inner);
    return rv;
}

static int refuse_count(const struct subject *s)
{
    return refuse_range(s, s->arg->min_items, s->arg->max_items, " items");
}

static int take_commas(const struct subject *s, struct buf *out, int64_t *count)
{
    const char *at = s->text.data, *end = s->text.data + s->text.len;
    *count = 0;
    while (s->text.len > 0) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        struct slice item = {at, (size_t)((comma ? comma : end) - at)};
        if (*count >= s->arg->max_items)
            return refuse_count(s);
        int rv = take_item(s, (int)(*count)++, item, out);
        if (rv != 0 || !comma)
            return rv;
        at = comma + 1;
    }
    return 0;
}

/* The text a JSON item would have on the wire. */
static struct slice item_text(const struct arg *arg, const json_t *item, struct buf *keep)
{
    buf_clear(keep);
    if (json_is_string(item) && arg->type != ARG_JSON)
        return (struct slice){json_string_value(item), json_string_length(item)};
    jsontext_put(item, keep);
    return buf_view(keep);
}

static int take_json_items(const struct subject *s, struct buf *out, int64_t *count)
{
    struct err why = {0};
    json_t *list = NULL;
    struct buf keep = {0};
    int rv = jsontext_parse(s->text, &list, &why);
    if (rv != 0 || !json_is_array(list)) {
        rv = err_rule(s->err, ERR_ARG, "arg.type", s->arg->name, "%s: %s", s->arg->name,
                      rv ? why.text : "not a JSON array");
        goto out;
    }
    *count = (int64_t)json_array_size(list);
    if (*count > s->arg->max_items) {
        rv = refuse_count(s);
        goto out;
    }
    for (int i = 0; i < *count && rv == 0; i++)
        rv = take_item(s, i, item_text(s->arg, json_array_get(list, (size_t)i), &keep), out);
out:
    buf_close(&keep);
    json_decref(list);
    return rv;
}

static int take_array(const struct subject *s, struct buf *scratch, struct value *out)
{
    size_t start = scratch->len;
    int64_t count = 0;
    buf_byte(scratch, '[');
    bool json = s->text.len > 0 && s->text.data[0] == '[';
    int rv = json || s->arg->type == ARG_JSON ? take_json_items(s, scratch, &count) : take_commas(s, scratch, &count);
    if (rv != 0)
        return rv;
    if (count < s->arg->min_items || count > s->arg->max_items)
        return refuse_count(s);
    buf_byte(scratch, ']');
    *out = (struct value){.type = VALUE_JSON, .s = {scratch->data + start, scratch->len - start}};
    return 0;
}

int arg_value(const struct arg *arg, struct slice text, struct buf *scratch, struct value *out, struct err *err)
{
    struct subject s = {arg, text.data ? text : SLICE(""), err};
    return arg->array ? take_array(&s, scratch, out) : take_one(&s, scratch, out);
}
