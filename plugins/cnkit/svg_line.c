#include "svg.h"

/* Each row is one point: its label is the place on the axis below, in the order in which labels first come; rows with the same series
 * are joined. A value that is null, or a label that a series lacks, is a gap, for a missing day is not a day of nothing. */

enum { TOP = 70, PLOT = 260, FOOT = 44, FONT = 12, SMALL = 11, SERIES_MAX = 8, DOTS_MAX = 60, LABEL_MAX = 240 };

struct chart {
    struct svg svg;
    const char *labels[SVG_ROWS_MAX], *series[SERIES_MAX];
    int nlabels, nseries;
    int64_t points[SERIES_MAX][SVG_ROWS_MAX];
    bool there[SERIES_MAX][SVG_ROWS_MAX];
    int64_t low, high;
    double left, right; /* of the plot */
};

/* Where `name` stands in the list, added at its end when there is room; -1: there is none. */
static int find(const char **list, int *count, int max, const char *name)
{
    for (int i = 0; i < *count; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    if (*count == max)
        return -1;
    list[*count] = name;
    return (*count)++;
}

static int take_row(struct chart *c, size_t row)
{
    int64_t value;
    const char *series = svg_row_text(&c->svg, row, "series");
    const int at = find(c->labels, &c->nlabels, SVG_ROWS_MAX, svg_row_text(&c->svg, row, "label"));
    const int of = find(c->series, &c->nseries, SERIES_MAX, series ? series : "");
    if (of < 0)
        return svg_refuse(&c->svg, "row %s: there are more than 8 series", row + 1);
    if (c->there[of][at])
        return svg_refuse(&c->svg, "row %s: this series has a value at this label already", row + 1);
    if (!svg_row_number(&c->svg, row, "value", &value))
        return MUSTER_OK;
    c->points[of][at] = value;
    c->there[of][at] = true;
    c->low = value < c->low ? value : c->low;
    c->high = value > c->high ? value : c->high;
    return MUSTER_OK;
}

static double across(const struct chart *c, int label)
{
    const double width = c->right - c->left;
    return c->left + (c->nlabels > 1 ? width * label / (c->nlabels - 1) : width / 2);
}

static double up(const struct chart *c, int64_t value)
{
    return TOP + PLOT - PLOT * (double)(value - c->low) / (double)(c->high - c->low);
}

static double widest_label(const struct chart *c)
{
    double widest = 1;
    for (int i = 0; i < c->nlabels; i++)
        widest = svg_width(c->labels[i], SMALL) > widest ? svg_width(c->labels[i], SMALL) : widest;
    return widest < LABEL_MAX ? widest : LABEL_MAX;
}

static void put_axes(struct chart *c, int64_t step)
{
    char number[48];
    struct svg *s = &c->svg;
    for (int64_t at = c->low; at <= c->high; at += step) {
        svg_put(s, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", c->left, up(c, at),
                c->right, up(c, at), at == 0 ? "#555" : "#ddd");
        svg_number(s, at, true, number);
        svg_text(s, c->left - 8, up(c, at) + 4, "end", SMALL, 0, number);
    }
    /* As many labels as have room, always the last one. */
    const int fit = (int)((c->right - c->left) / (widest_label(c) + 14));
    const int every = fit > 0 ? (c->nlabels + fit - 1) / fit : c->nlabels;
    for (int i = c->nlabels - 1; i >= 0; i -= every)
        svg_text(s, across(c, i), TOP + PLOT + 20, "middle", SMALL, LABEL_MAX, c->labels[i]);
}

static void put_series(struct chart *c, int of)
{
    struct svg *s = &c->svg;
    const char *command = "M";
    svg_put(s, "<path fill=\"none\" stroke-width=\"2\" stroke=\"%s\" d=\"", svg_colours[of]);
    for (int i = 0; i < c->nlabels; i++) {
        if (c->there[of][i])
            svg_put(s, "%s%.1f %.1f", command, across(c, i), up(c, c->points[of][i]));
        command = c->there[of][i] ? "L" : "M";
    }
    svg_put(s, "\"/>\n");
    /* Dots, and always where a point has no neighbour to be joined with. */
    for (int i = 0; i < c->nlabels; i++) {
        const bool alone = (i == 0 || !c->there[of][i - 1]) && (i + 1 == c->nlabels || !c->there[of][i + 1]);
        if (c->there[of][i] && (alone || c->nlabels <= DOTS_MAX))
            svg_put(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", across(c, i), up(c, c->points[of][i]),
                    svg_colours[of]);
    }
}

static void put_legend(struct chart *c)
{
    double x = c->left;
    if (c->nseries < 2 && !(c->nseries && *c->series[0]))
        return;
    for (int i = 0; i < c->nseries; i++) {
        const double room = (c->right - c->left) / c->nseries;
        const double wide = svg_width(c->series[i], FONT);
        svg_put(&c->svg, "<rect x=\"%.1f\" y=\"44\" width=\"14\" height=\"4\" fill=\"%s\"/>\n", x, svg_colours[i]);
        svg_text(&c->svg, x + 19, 50, "start", FONT, room - 30, c->series[i]);
        x += (wide < room - 30 ? wide : room - 30) + 34;
    }
}

static int draw(struct chart *c)
{
    char low[48], high[48];
    const int64_t step = svg_step(c->low, c->high == c->low ? c->low + 1 : c->high, 6);
    c->low = -((-c->low + step - 1) / step) * step;
    c->high = (c->high + step - 1) / step * step;
    c->high = c->high == c->low ? c->low + step : c->high;
    svg_number(&c->svg, c->low, true, low);
    svg_number(&c->svg, c->high, true, high);
    /* The first and the last label stand half outside of the plot. */
    const double half = widest_label(c) / 2 + 8, numbers = svg_width(strlen(low) > strlen(high) ? low : high, SMALL);
    c->left = half > 24 + numbers ? half : 24 + numbers;
    c->right = c->svg.width - (half > 24 ? half : 24);
    svg_begin(&c->svg, TOP + PLOT + FOOT, "Line chart");
    put_axes(c, step);
    for (int i = 0; i < c->nseries; i++)
        put_series(c, i);
    put_legend(c);
    return svg_reply(&c->svg);
}

CNKIT_COMMAND(svg_line)
{
    static const char *const known[] = {"label", "value", "series", NULL};
    struct chart *c = host->alloc(call, sizeof(*c));
    if (!c)
        return MUSTER_FAILED;
    int rv = svg_open(&c->svg, host, call, args, known);
    for (size_t i = 0; rv == MUSTER_OK && i < json_array_size(c->svg.rows); i++)
        rv = take_row(c, i);
    if (rv == MUSTER_OK)
        rv = draw(c);
    svg_close(&c->svg);
    return rv;
}
