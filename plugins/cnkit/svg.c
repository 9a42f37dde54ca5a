#include "svg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A picture is text: written piece by piece into a buffer that is bounded, with everything a user wrote escaped. No
 * scripts, no links, no fonts of its own. The same rows always give the same bytes. */

enum { BYTES_MAX = 2 * 1024 * 1024, WIDTH = 800, WIDTH_MIN = 320, WIDTH_MAX = 2400, TITLE_MAX = 400 };

const char *const svg_colours[8] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#7a5195", "#555555"};

/* -- reading -- */

int svg_refuse(struct svg *s, const char *what, size_t row)
{
    char number[24];
    const char *const items[] = {number};
    snprintf(number, sizeof(number), "%zu", row);
    return s->host->fail(s->call, "ARG", "cnkit.picture", row ? "rows" : "options", what, items, row ? 1 : 0);
}

const char *svg_row_text(const struct svg *s, size_t row, const char *key)
{
    return json_string_value(json_object_get(json_array_get(s->rows, row), key));
}

bool svg_row_number(const struct svg *s, size_t row, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(json_array_get(s->rows, row), key);
    *out = json_integer_value(value);
    return json_is_integer(value);
}

static bool is_known(const char *key, const char *const *known)
{
    while (*known && strcmp(*known, key) != 0)
        known++;
    return *known != NULL;
}

/* A key that is there has its type, or its value would be left out silently. What is wrong, or NULL. */
static const char *wrong_type(const char *key, const json_t *value)
{
    const bool degrees = strcmp(key, "lat") == 0 || strcmp(key, "lon") == 0;
    if (json_is_null(value))
        return NULL;
    if (degrees)
        return json_is_integer(value) ? NULL : "row %s: lat and lon come together, in millionths of a degree";
    if (strcmp(key, "value") == 0)
        return json_is_integer(value) ? NULL : "row %s: value is a whole number or null";
    return json_is_string(value) ? NULL : "row %s: label, state, series and note are texts";
}

static int check_row(struct svg *s, size_t row, const char *const *known)
{
    json_t *map = json_array_get(s->rows, row), *value;
    const char *key;
    if (!json_is_object(map) || !json_is_string(json_object_get(map, "label")))
        return svg_refuse(s, "row %s: a row is a map, with a text label at least", row + 1);
    json_object_foreach(map, key, value)
    {
        if (!is_known(key, known))
            return svg_refuse(s, "row %s: it has a key that this picture does not know", row + 1);
        if (json_string_length(value) > SVG_LABEL_MAX)
            return svg_refuse(s, "row %s: a text has at most 400 bytes", row + 1);
        if (!json_is_string(value) && !json_is_integer(value) && !json_is_null(value))
            return svg_refuse(s, "row %s: values are texts, whole numbers or null", row + 1);
        const char *wrong = wrong_type(key, value);
        if (wrong)
            return svg_refuse(s, wrong, row + 1);
        const json_int_t n = json_integer_value(value);
        if (n > SVG_VALUE_MAX || n < -SVG_VALUE_MAX)
            return svg_refuse(s, "row %s: numbers lie between -10^15 and 10^15", row + 1);
    }
    return MUSTER_OK;
}

static int take_options(struct svg *s)
{
    static const char *const units[] = {"count", "fen", "bp", NULL};
    const char *key;
    json_t *value;
    if (!json_is_object(s->options) && !cnkit_is_empty(s->options))
        return svg_refuse(s, "options is a map with title, unit (count, fen, bp) and width", 0);
    json_object_foreach(s->options, key, value)
    {
        const char *text = json_string_value(value);
        if (strcmp(key, "title") == 0 && text && json_string_length(value) <= TITLE_MAX)
            s->title = text;
        else if (strcmp(key, "unit") == 0 && text && is_known(text, units))
            s->unit = text;
        else if (strcmp(key, "width") == 0 && json_is_integer(value) && json_integer_value(value) >= WIDTH_MIN &&
                 json_integer_value(value) <= WIDTH_MAX)
            s->width = (int)json_integer_value(value);
        else
            return svg_refuse(
                s, "options is a map with title (400 bytes), unit (count, fen, bp) and width (320 to 2400)", 0);
    }
    return MUSTER_OK;
}

int svg_open(struct svg *s, const struct muster_host *host, struct muster_call *call, const struct muster_value *args,
             const char *const *known)
{
    *s = (struct svg){.host = host, .call = call, .title = "", .unit = "count", .width = WIDTH};
    s->rows = json_loadb(args[0].s.data, args[0].s.len, 0, NULL);
    if (!json_is_array(s->rows) || json_array_size(s->rows) > SVG_ROWS_MAX)
        return host->fail(call, "ARG", "cnkit.picture", "rows", "rows is a list of at most 500 maps", NULL, 0);
    for (size_t i = 0; i < json_array_size(s->rows); i++)
        if (check_row(s, i, known) != MUSTER_OK)
            return MUSTER_FAILED;
    if (args[1].type == MUSTER_NULL)
        return MUSTER_OK;
    s->options = json_loadb(args[1].s.data, args[1].s.len, 0, NULL);
    return take_options(s);
}

void svg_close(struct svg *s)
{
    json_decref(s->rows);
    json_decref(s->options);
    free(s->bytes);
}

/* -- writing -- */

static bool reserve(struct svg *s, size_t more)
{
    if (s->failed || s->len + more <= s->cap)
        return !s->failed;
    size_t cap = s->cap ? s->cap : 16384;
    while (cap < s->len + more)
        cap *= 2;
    char *bytes = cap <= BYTES_MAX ? realloc(s->bytes, cap) : NULL;
    s->failed = bytes == NULL;
    if (bytes) {
        s->bytes = bytes;
        s->cap = cap;
    }
    return bytes != NULL;
}

void svg_put(struct svg *s, const char *fmt, ...)
{
    char piece[512];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(piece, sizeof(piece), fmt, args);
    va_end(args);
    if (len < 0 || len >= (int)sizeof(piece))
        s->failed = true; /* pieces are short: texts of users go through put_escaped */
    else if (reserve(s, (size_t)len)) {
        memcpy(s->bytes + s->len, piece, (size_t)len);
        s->len += (size_t)len;
    }
}

/* The entity for a character of XML, "" for one that XML does not have, or NULL. */
static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return c < ' ' ? "" : NULL;
    }
}

static void put_escaped(struct svg *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *as = entity((unsigned char)text[i]);
        const size_t none = cnkit_not_xml(text + i);
        if (none)
            i += none - 1;
        else if (as)
            svg_put(s, "%s", as);
        else if (reserve(s, 1))
            s->bytes[s->len++] = text[i];
    }
}

/* The width of the character that begins at `c`, in halves of a Han character; 0 inside of one. */
static int halves(unsigned char c)
{
    return c < 0x80 ? 1 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
}

double svg_width(const char *text, int size)
{
    int n = 0;
    for (; *text; text++)
        n += halves((unsigned char)*text);
    return n * size * 0.54;
}

/* Room is worked out from widths, so what fits exactly may seem too wide by a rounding error. */
static bool too_wide(double width, double room)
{
    return width > room + 0.5;
}

/* How many bytes of it fit. */
static size_t fitting(const char *text, int size, double room)
{
    size_t fits = 0;
    double used = size * 1.08; /* for the … */
    for (size_t i = 0; text[i]; i++) {
        if (halves((unsigned char)text[i]) > 0)
            fits = i;
        used += halves((unsigned char)text[i]) * size * 0.54;
        if (too_wide(used, room))
            return fits;
    }
    return strlen(text);
}

void svg_text(struct svg *s, double x, double y, const char *anchor, int size, double room, const char *text)
{
    const bool cut = room > 0 && too_wide(svg_width(text, size), room);
    svg_put(s, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\">", x, y, size, anchor);
    if (cut) {
        svg_put(s, "<title>");
        put_escaped(s, text, strlen(text));
        svg_put(s, "</title>");
    }
    put_escaped(s, text, cut ? fitting(text, size, room) : strlen(text));
    svg_put(s, "%s</text>\n", cut ? "…" : "");
}

void svg_begin(struct svg *s, int height, const char *about)
{
    svg_put(s,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
            "font-family=\"'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC',sans-serif\" "
            "fill=\"#222\">\n",
            s->width, height, s->width, height);
    svg_put(s, "<title>");
    put_escaped(s, s->title, strlen(s->title));
    svg_put(s, "</title>\n<desc>%s</desc>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", about);
    if (*s->title)
        svg_text(s, 16, 28, "start", 18, s->width - 32, s->title);
}

int svg_reply(struct svg *s)
{
    svg_put(s, "</svg>\n");
    if (s->failed)
        return s->host->fail(s->call, "LIMIT", "cnkit.picture_size", "rows", "the picture would have more than 2 MiB",
                             NULL, 0);
    s->host->reply_text(s->call, (struct muster_text){s->bytes, s->len});
    return MUSTER_OK;
}

/* -- numbers -- */

/* 1234567 as 1,234,567. */
static void grouped(int64_t n, char *out)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
    for (int i = 0; i < len; i++) {
        *out++ = digits[i];
        if (i + 1 < len && (len - i - 1) % 3 == 0)
            *out++ = ',';
    }
    *out = '\0';
}

void svg_number(const struct svg *s, int64_t value, bool tick, char out[48])
{
    char whole[32];
    const bool plain = strcmp(s->unit, "count") == 0;
    const int64_t size = value < 0 ? -value : value;
    grouped(plain ? size : size / 100, whole);
    if (plain || (tick && size % 100 == 0))
        snprintf(out, 48, "%s%s%s", value < 0 ? "-" : "", whole, strcmp(s->unit, "bp") == 0 ? " %" : "");
    else
        snprintf(out, 48, "%s%s.%02d%s", value < 0 ? "-" : "", whole, (int)(size % 100),
                 strcmp(s->unit, "bp") == 0 ? " %" : "");
}

int64_t svg_step(int64_t low, int64_t high, int most)
{
    for (int64_t power = 1;; power *= 10)
        for (int i = 0; i < 3; i++) {
            const int64_t step = power * (i == 0 ? 1 : i == 1 ? 2 : 5);
            if ((high - low) / step < most)
                return step;
        }
}
