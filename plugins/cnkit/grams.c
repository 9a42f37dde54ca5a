#include "cnkit.h"

#include <unicode/uchar.h>

/* What a search table stores for a text, and what a query looks up: full-text tables are outside the portable SQL. The
 * text is put in the form of names and in small letters. Every pair of neighbouring Han characters is one gram; a word
 * of letters and digits of any other script is one, cut at 32 characters; everything else parts them.
 *
 * An index also takes the last character of each run of Han alone, so that a query of one character finds it as the
 * beginning of a gram. A query takes a lone character only where it has no other. */

enum { TEXT_MAX = 4000, WORD_MAX = 32 };

struct grams {
    const struct muster_host *host;
    struct muster_call *call;
    const int32_t *points;
    uint16_t *slots; /* open addressing: index + 1 of a gram */
    uint32_t mask;
    struct gram {
        int32_t from;
        int32_t len;
    } * list;
    int count;
};

static bool same(const struct grams *g, const struct gram *a, int from, int len)
{
    return a->len == len && memcmp(g->points + a->from, g->points + from, (size_t)len * sizeof(*g->points)) == 0;
}

static void add(struct grams *g, int from, int len)
{
    uint32_t hash = 2166136261u;
    for (int i = 0; i < len; i++)
        hash = (hash ^ (uint32_t)g->points[from + i]) * 16777619u;
    uint32_t slot = (hash ^ hash >> 15) & g->mask;
    while (g->slots[slot]) {
        if (same(g, &g->list[g->slots[slot] - 1], from, len))
            return;
        slot = (slot + 1) & g->mask;
    }
    g->list[g->count++] = (struct gram){from, len};
    g->slots[slot] = (uint16_t)g->count;
}

static void add_run(struct grams *g, int from, int len, bool index)
{
    for (int i = 0; i + 1 < len; i++)
        add(g, from + i, 2);
    if (index || len == 1)
        add(g, from + len - 1, 1);
}

static bool in_word(int32_t c)
{
    return !cnkit_is_han(c) && (u_isalnum(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK));
}

static void cut(struct grams *g, int count, bool index)
{
    for (int i = 0; i < count;) {
        const int from = i;
        while (i < count && cnkit_is_han(g->points[i]))
            i++;
        if (i > from) {
            add_run(g, from, i - from, index);
            continue;
        }
        while (i < count && in_word(g->points[i]))
            i++;
        if (i > from)
            add(g, from, i - from > WORD_MAX ? WORD_MAX : i - from);
        else
            i++;
    }
}

/* A character begins one gram at most, and the last of a run one of its own: as many grams as characters. */
static bool make_room(struct grams *g, int32_t **points, size_t characters)
{
    uint32_t slots = 16;
    while (slots < 2 * characters)
        slots *= 2;
    g->mask = slots - 1;
    g->slots = g->host->alloc(g->call, sizeof(*g->slots) * slots);
    g->list = g->host->alloc(g->call, sizeof(*g->list) * (characters + 1));
    *points = g->host->alloc(g->call, sizeof(**points) * (characters + 1));
    return *points && g->slots && g->list;
}

CNKIT_COMMAND(grams)
{
    struct grams g = {.host = host, .call = call};
    const size_t most = args[0].s.len < TEXT_MAX ? args[0].s.len : TEXT_MAX;
    int32_t *points;
    char out[4 * WORD_MAX];
    if (!make_room(&g, &points, most))
        return MUSTER_FAILED;
    int n = cnkit_points(args[0].s, points, (int)most);
    if (n < 0)
        return host->fail(call, "LIMIT", "cnkit.text", "text",
                          "the text has more than 4000 characters once it is composed", NULL, 0);
    n = cnkit_normal(points, n);
    for (int i = 0; i < n; i++)
        points[i] = u_tolower(points[i]);
    g.points = points;
    cut(&g, n, strcmp(args[1].s.data, "index") == 0);
    host->reply_array_open(call);
    for (int i = 0; i < g.count; i++)
        host->reply_text(call, (struct muster_text){out, cnkit_bytes(points + g.list[i].from, g.list[i].len, out)});
    host->reply_close(call);
    return MUSTER_OK;
}
