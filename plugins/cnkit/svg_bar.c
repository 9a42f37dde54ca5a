#include "svg.h"

/* Bars lie on their side, for names are long: one row each, the name left, the value right of where the longest ends. */

enum { TOP = 46, ROW = 26, BAR = 16, FOOT = 34, FONT = 13, SMALL = 11, GAP = 10 };

struct frame {
    double left, right; /* where the axis begins and ends */
    int64_t low, high;
};

static double place(const struct frame *f, int64_t value)
{
    return f->left + (f->right - f->left) * (double)(value - f->low) / (double)(f->high - f->low);
}

/* As many numbers below the axis as have room, six at most. */
static int fitting(const struct svg *s, const struct frame *f)
{
    char low[48], high[48];
    svg_number(s, f->low, true, low);
    svg_number(s, f->high, true, high);
    const double widest = svg_width(strlen(low) > strlen(high) ? low : high, SMALL) + 14;
    const int fit = (int)((f->right - f->left) / widest);
    return fit < 1 ? 1 : fit > 6 ? 6 : fit;
}

static void put_axis(struct svg *s, const struct frame *f, int bottom)
{
    char number[48];
    const int64_t step = svg_step(f->low, f->high, fitting(s, f));
    for (int64_t at = -(-f->low / step) * step; at <= f->high; at += step) {
        const double x = place(f, at);
        svg_put(s, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"/>\n", x, TOP - 6, x, bottom,
                at == 0 ? "#555" : "#ddd");
        svg_number(s, at, true, number);
        svg_text(s, x, bottom + 16, "middle", SMALL, 0, number);
    }
}

static void put_bar(struct svg *s, const struct frame *f, size_t row)
{
    char number[48];
    int64_t value;
    const int y = TOP + (int)row * ROW;
    svg_text(s, f->left - GAP, y + BAR - 3, "end", FONT, f->left - GAP - 8, svg_row_text(s, row, "label"));
    if (!svg_row_number(s, row, "value", &value)) {
        svg_text(s, place(f, 0) + 4, y + BAR - 3, "start", SMALL, 0, "–");
        return;
    }
    const double zero = place(f, 0), end = place(f, value);
    svg_put(s, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", zero < end ? zero : end, y,
            zero < end ? end - zero : zero - end, BAR, svg_colours[value < 0]);
    svg_number(s, value, false, number);
    svg_text(s, (end > zero ? end : zero) + 5, y + BAR - 4, "start", SMALL, 0, number);
}

CNKIT_COMMAND(svg_bar)
{
    static const char *const known[] = {"label", "value", NULL};
    struct svg s;
    struct frame f = {0};
    double names = 0, numbers = 0;
    int rv = svg_open(&s, host, call, args, known);
    const size_t count = json_array_size(s.rows);
    for (size_t i = 0; rv == MUSTER_OK && i < count; i++) {
        char number[48];
        int64_t value;
        const double wide = svg_width(svg_row_text(&s, i, "label"), FONT);
        names = wide > names ? wide : names;
        if (!svg_row_number(&s, i, "value", &value))
            continue;
        f.low = value < f.low ? value : f.low;
        f.high = value > f.high ? value : f.high;
        svg_number(&s, value, false, number);
        numbers = svg_width(number, SMALL) > numbers ? svg_width(number, SMALL) : numbers;
    }
    if (rv == MUSTER_OK) {
        const int bottom = TOP + (int)count * ROW;
        const double most = s.width * 0.4;
        f.high = f.high == f.low ? f.low + 1 : f.high;
        f.left = (names < most ? names : most) + GAP + 8;
        f.right = s.width - numbers - 24;
        svg_begin(&s, bottom + FOOT, "Bar chart");
        put_axis(&s, &f, bottom);
        for (size_t i = 0; i < count; i++)
            put_bar(&s, &f, i);
        rv = svg_reply(&s);
    }
    svg_close(&s);
    return rv;
}
