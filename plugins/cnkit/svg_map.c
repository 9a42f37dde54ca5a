#include "svg.h"

#include <math.h>

/* The map of an area: each row is a place with a state. Places lie where their coordinates say (north is up; the
 * projection is equirectangular about their middle), pushed apart where they would cover each other; those without
 * coordinates stand in the list beside the map only, and where none has any the list is all. Each has a number, by which
 * the list says what it is. A state has a shape as well as a colour. What is worst is placed first, so that it lies where
 * it is, and drawn last, so that nothing covers it. */

enum { TOP = 74, MAP = 420, FOOT = 56, FONT = 12, SMALL = 11, LINE = 20, MARK = 7, PLACES_MAX = 300 };
enum { EDGE = 26, APART = 26 }; /* from the frame's left to a place, and from place to place if there is room */

static const struct state {
    const char *name, *en, *zh, *colour;
} states[] = {
    {"ok", "in order", "正常", "#009e73"},  {"warn", "findings open", "有问题", "#e69f00"},
    {"bad", "overdue", "超期", "#d55e00"},  {"none", "not seen yet", "未检查", "#56b4e9"},
    {"off", "closed", "已关闭", "#999999"},
};
enum { STATES = sizeof(states) / sizeof(states[0]) };
static const int by_weight[STATES] = {2, 1, 3, 0, 4}; /* the worst first */

struct place {
    double x, y; /* degrees east and north, then where it is drawn */
    int state;
    bool placed; /* it has coordinates */
};

struct map {
    struct svg svg;
    struct place places[PLACES_MAX];
    size_t count, placed;
    size_t order[PLACES_MAX]; /* rows, the worst first */
    double right;             /* of the map; the list begins there */
    bool chinese;
};

static int take_row(struct map *m, size_t row)
{
    const char *state = svg_row_text(&m->svg, row, "state");
    int64_t lat, lon;
    struct place *p = &m->places[row];
    const bool north = svg_row_number(&m->svg, row, "lat", &lat), east = svg_row_number(&m->svg, row, "lon", &lon);
    if (north != east || lat < -90000000 || lat > 90000000 || lon < -180000000 || lon > 180000000)
        return svg_refuse(&m->svg, "row %s: lat and lon come together, in millionths of a degree", row + 1);
    while (p->state < STATES && strcmp(states[p->state].name, state ? state : "none") != 0)
        p->state++;
    if (p->state == STATES)
        return svg_refuse(&m->svg, "row %s: state is ok, warn, bad, none or off", row + 1);
    p->placed = north;
    m->placed += north;
    p->x = (double)lon / 1e6;
    p->y = (double)lat / 1e6;
    return MUSTER_OK;
}

/* Degrees to units of the picture, one scale for both directions. */
static void project(struct map *m)
{
    double west = 400, east = -400, south = 100, north = -100;
    for (size_t i = 0; i < m->count; i++) {
        const struct place *p = &m->places[i];
        if (!p->placed)
            continue;
        west = p->x < west ? p->x : west;
        east = p->x > east ? p->x : east;
        south = p->y < south ? p->y : south;
        north = p->y > north ? p->y : north;
    }
    const double narrow = cos((south + north) / 2 * 3.14159265358979 / 180);
    const double wide = (east - west) * narrow, high = north - south;
    const double room_x = m->right - 64, room_y = MAP - 48;
    double scale = 1e9;
    if (wide > 0)
        scale = room_x / wide;
    if (high > 0 && room_y / high < scale)
        scale = room_y / high;
    if (scale > 1e8)
        scale = 0; /* one point alone: in the middle */
    for (size_t i = 0; i < m->count; i++) {
        struct place *p = &m->places[i];
        if (!p->placed)
            continue;
        p->x = 16 + m->right / 2 - 8 + (p->x - (west + east) / 2) * narrow * scale;
        p->y = TOP + MAP / 2.0 - (p->y - (south + north) / 2) * scale;
    }
}

static void sort(struct map *m)
{
    size_t n = 0;
    for (int k = 0; k < STATES; k++)
        for (size_t i = 0; i < m->count; i++)
            if (m->places[i].state == by_weight[k])
                m->order[n++] = i;
}

static bool in_frame(const struct map *m, double x, double y)
{
    return x >= EDGE && x <= m->right - 10 && y >= TOP + 10 && y <= TOP + MAP - 10;
}

/* Is it clear of the first `nth` of those in order? */
static bool is_free(const struct map *m, size_t nth, double x, double y, double apart)
{
    for (size_t i = 0; i < nth; i++) {
        const struct place *p = &m->places[m->order[i]];
        const double dx = p->x - x, dy = p->y - y;
        if (p->placed && dx * dx + dy * dy < apart * apart)
            return false;
    }
    return true;
}

/* Along a spiral to the nearest spot that is free, which may be any of the frame. False when there is none. */
static bool settle(struct map *m, size_t nth, double apart)
{
    struct place *p = &m->places[m->order[nth]];
    const double x = p->x, y = p->y, far = hypot(m->right, MAP);
    for (int k = 0;; k++) {
        const double away = 5.6 * sqrt(k);
        if (away > far)
            return false;
        p->x = x + away * cos(2.4 * k);
        p->y = y + away * sin(2.4 * k);
        if (in_frame(m, p->x, p->y) && is_free(m, nth, p->x, p->y, apart))
            return true;
    }
}

static bool settle_all(struct map *m, double apart)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->places[m->order[i]].placed && !settle(m, i, apart))
            return false;
    return true;
}

/* As far apart as is needed to tell them from each other, or as there is room for all. The frame has several hundred
 * spots of the spiral, so it ends. */
static void part(struct map *m)
{
    static const double share = 0.5; /* of the frame that marks laid one after the other can use, about */
    struct place home[PLACES_MAX];
    const double room = (m->right - EDGE - 10) * (MAP - 20), each = sqrt(share * room / (double)m->placed);
    double apart = each < APART ? each : APART;
    memcpy(home, m->places, sizeof(home));
    for (; !settle_all(m, apart); apart *= 0.85)
        memcpy(m->places, home, sizeof(home));
}

static void put_mark(struct svg *s, const struct place *p)
{
    const double x = p->x, y = p->y;
    const char *colour = states[p->state].colour;
    const int r = MARK;
    switch (p->state) {
    case 1:
        svg_put(s, "<path d=\"M%.1f %.1fl%d %dh%dz\" fill=\"%s\"/>\n", x, y - r, r + 1, 2 * r, -2 * r - 2, colour);
        break;
    case 2:
        svg_put(s, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x - r, y - r, 2 * r, 2 * r,
                colour);
        break;
    case 3:
        svg_put(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"3\"/>\n", x, y,
                r - 1, colour);
        break;
    case 4:
        svg_put(s, "<path d=\"M%.1f %.1fl%d %dm0 %dl%d %d\" stroke=\"%s\" stroke-width=\"3\"/>\n", x - r, y - r, 2 * r,
                2 * r, -2 * r, -2 * r, 2 * r, colour);
        break;
    default:
        svg_put(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"/>\n", x, y, r, colour);
    }
}

static void put_place(struct map *m, size_t nth)
{
    char number[16];
    const struct place *p = &m->places[nth];
    snprintf(number, sizeof(number), "%zu", nth + 1);
    if (p->placed) {
        put_mark(&m->svg, p);
        svg_text(&m->svg, p->x + MARK + 2, p->y - 3, "start", SMALL - 1, 0, number);
    }
}

/* A line of the list: number, mark, name, note. */
static void put_line(struct map *m, size_t nth, double y)
{
    char number[16];
    struct svg *s = &m->svg;
    const char *note = svg_row_text(s, nth, "note");
    const double x = m->right + 24, room = s->width - x - 62;
    const double note_room = note ? room * 0.45 : 0;
    snprintf(number, sizeof(number), "%zu", nth + 1);
    svg_text(s, x + 22, y, "end", SMALL, 0, number);
    put_mark(s, &(struct place){.x = x + 36, .y = y - 4, .state = m->places[nth].state});
    svg_text(s, x + 50, y, "start", FONT, room - note_room, svg_row_text(s, nth, "label"));
    if (note)
        svg_text(s, s->width - 12, y, "end", SMALL, note_room - 8, note);
}

static void put_legend(struct map *m)
{
    double x = 24;
    for (int i = 0; i < STATES; i++) {
        size_t count = 0;
        char text[80];
        for (size_t k = 0; k < m->count; k++)
            count += m->places[k].state == i;
        snprintf(text, sizeof(text), "%s %zu", m->chinese ? states[i].zh : states[i].en, count);
        put_mark(&m->svg, &(struct place){.x = x, .y = 48, .state = i});
        svg_text(&m->svg, x + 12, 52, "start", FONT, 0, text);
        x += svg_width(text, FONT) + 34;
    }
}

static void put_map(struct map *m)
{
    struct svg *s = &m->svg;
    svg_put(s, "<rect x=\"16\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f6f8fa\" stroke=\"#ccc\"/>\n", TOP,
            m->right - 16, MAP);
    for (int i = 1; i < 6; i++)
        svg_put(s, "<path d=\"M16 %.1fH%.1fM%.1f %dV%d\" stroke=\"#e6eaee\"/>\n", TOP + i * MAP / 6.0, m->right,
                16 + i * (m->right - 16) / 6, TOP, TOP + MAP);
    project(m);
    part(m);
    for (size_t i = m->count; i-- > 0;)
        put_place(m, m->order[i]);
}

static int draw(struct map *m)
{
    struct svg *s = &m->svg;
    const bool map = m->placed > 0;
    const int list = (int)m->count * LINE + 10, body = map && MAP > list ? MAP : list;
    m->right = map ? s->width * 0.58 : 0;
    sort(m);
    svg_begin(s, TOP + body + FOOT - 30, "Map");
    put_legend(m);
    if (map)
        put_map(m);
    for (size_t i = 0; i < m->count; i++)
        put_line(m, i, TOP + 14 + (double)i * LINE);
    return svg_reply(s);
}

CNKIT_COMMAND(svg_areamap)
{
    static const char *const known[] = {"label", "state", "lat", "lon", "note", NULL};
    struct map *m = host->alloc(call, sizeof(*m));
    if (!m)
        return MUSTER_FAILED;
    int rv = svg_open(&m->svg, host, call, args, known);
    m->count = json_array_size(m->svg.rows);
    m->chinese = strcmp(args[2].s.data, "zh") == 0;
    if (rv == MUSTER_OK && m->count > PLACES_MAX)
        rv = svg_refuse(&m->svg, "row %s: a map has at most 300 places", PLACES_MAX + 1);
    for (size_t i = 0; rv == MUSTER_OK && i < m->count; i++)
        rv = take_row(m, i);
    if (rv == MUSTER_OK)
        rv = draw(m);
    svg_close(&m->svg);
    return rv;
}
