/* Inside cnkit: what the pictures share. */
#ifndef CNKIT_SVG_H
#define CNKIT_SVG_H

#include "cnkit.h"

#include <jansson.h>

/* One picture being written. After a failure nothing is added any more; svg_reply tells of it. */
struct svg {
    const struct muster_host *host;
    struct muster_call *call;
    char *bytes;
    size_t len, cap;
    json_t *rows, *options;
    const char *title, *unit;
    int width;
    bool failed;
};

enum { SVG_ROWS_MAX = 500, SVG_LABEL_MAX = 400 };
#define SVG_VALUE_MAX INT64_C(1000000000000000) /* 10^15: ten thousand billion yuan in fen */

/* Read the arguments rows and options, and check what every picture has: `known` are the keys a row may have, ended by
 * NULL; title, unit and width are options of all. MUSTER_OK, or refused. */
int svg_open(struct svg *s, const struct muster_host *host, struct muster_call *call, const struct muster_value *args,
             const char *const *known);
void svg_close(struct svg *s);
int svg_refuse(struct svg *s, const char *what, size_t row);
/* A key of a row: its text (NULL when absent), its number (false when absent or null). Checked by svg_open. */
const char *svg_row_text(const struct svg *s, size_t row, const char *key);
bool svg_row_number(const struct svg *s, size_t row, const char *key, int64_t *out);

/* The head with title and size, and the end; `height` as for the head. */
void svg_begin(struct svg *s, int height, const char *about);
int svg_reply(struct svg *s);
__attribute__((format(printf, 2, 3))) void svg_put(struct svg *s, const char *fmt, ...);
/* A text at x, y, cut with … to `room` units of width (0: whole). `anchor`: start, middle, end. */
void svg_text(struct svg *s, double x, double y, const char *anchor, int size, double room, const char *text);
/* How wide a text of this size will be, about: Han characters are square, others half as wide. */
double svg_width(const char *text, int size);

/* A number as people read it in the picture's unit: 12,345 or 69,650.00 or 98.50 %. `tick`: without empty decimals. */
void svg_number(const struct svg *s, int64_t value, bool tick, char out[48]);
/* Round steps of 1, 2 or 5 times a power of ten, at most `most` of them between low and high. */
int64_t svg_step(int64_t low, int64_t high, int most);
/* Colours that people who see few colours can tell apart. Source: Okabe and Ito, "Color Universal Design" (2008). */
extern const char *const svg_colours[8];

#endif
