#include "script/pattern.h"

#include <ctype.h>
#include <string.h>

/* A Lua pattern has no alternatives and repeats single characters only. So its items stand in one row, each is at one
 * place of the subject at a time, and backtracking needs no stack: an item remembers how far it went, and `back` of
 * each item names the nearest one before it that can still go another way. Which ')' closes which '(' is known before
 * matching, and a capture's ends are always written again on the way to whoever reads them.
 *
 * Time: the number of steps may grow with a power of the subject's length, so every step, and every character that a
 * repetition takes, asks for the kill. Memory: none besides the items. */

enum kind {
    ITEM_ONE,      /* x */
    ITEM_MANY,     /* x* x+ */
    ITEM_LAZY,     /* x- */
    ITEM_MAYBE,    /* x? */
    ITEM_OPEN,     /* ( */
    ITEM_POSITION, /* () */
    ITEM_CLOSE,    /* ) */
    ITEM_SAME,     /* %1 */
    ITEM_BALANCE,  /* %bxy */
    ITEM_FRONTIER, /* %f[set] */
    ITEM_END,      /* $ */
    ITEM_DONE,
    ITEM_FAULT
};

enum test { TEST_ANY, TEST_LETTER, TEST_CLASS, TEST_SET };

struct parser {
    struct pattern *pattern;
    const char *at, *end;
    int count, back;
    uint8_t open[PATTERN_CAPTURES_MAX]; /* captures that wait for their ')', innermost last */
    int nopen;
};

/* -- characters -- */

/* Is `c` in the class of this small letter? 0 or 1; -1: it names none. */
static int is_of(unsigned char c, unsigned char letter)
{
    switch (letter) {
    case 'a':
        return isalpha(c) != 0;
    case 'c':
        return iscntrl(c) != 0;
    case 'd':
        return isdigit(c) != 0;
    case 'g':
        return isgraph(c) != 0;
    case 'l':
        return islower(c) != 0;
    case 'p':
        return ispunct(c) != 0;
    case 's':
        return isspace(c) != 0;
    case 'u':
        return isupper(c) != 0;
    case 'w':
        return isalnum(c) != 0;
    case 'x':
        return isxdigit(c) != 0;
    default:
        return -1;
    }
}

/* Is `c` in the class that `letter` names: %a, and %A for what is not? Another letter stands for itself. */
static bool in_class(unsigned char c, unsigned char letter)
{
    int in = is_of(c, (unsigned char)tolower(letter));
    return in < 0 ? c == letter : in != (isupper(letter) != 0);
}

/* Is `c` in the set whose text, without the brackets, is from..end? */
static bool in_set(unsigned char c, const char *from, const char *end)
{
    bool found = *from != '^';
    const char *p = found ? from : from + 1;
    while (p < end) {
        unsigned char low = (unsigned char)*p++;
        if (low == '%' && p < end) {
            if (in_class(c, (unsigned char)*p++))
                return found;
        } else if (end - p >= 2 && *p == '-') {
            if (low <= c && c <= (unsigned char)p[1])
                return found;
            p += 2;
        } else if (low == c) {
            return found;
        }
    }
    return !found;
}

static inline bool fits(const struct pattern_item *it, unsigned char c)
{
    switch (it->test) {
    case TEST_ANY:
        return true;
    case TEST_LETTER:
        return c == it->letter;
    case TEST_CLASS:
        return is_of(c, it->letter) != it->negated;
    default:
        return in_set(c, it->set, it->set_end);
    }
}

/* -- from text to items -- */

static struct pattern_item *add(struct parser *ps, enum kind kind)
{
    struct pattern_item *it = &ps->pattern->items[ps->count++];
    it->kind = (uint8_t)kind;
    it->back = (int16_t)ps->back;
    return it;
}

static void add_fault(struct parser *ps, const char *message)
{
    add(ps, ITEM_FAULT)->set = message;
    ps->at = ps->end; /* nothing behind it can be reached */
}

/* The set at ps->at, behind its '['. Its first character belongs to it even if that is ']'. */
static bool parse_set(struct parser *ps, struct pattern_item *it)
{
    const char *p = ps->at;
    if (p < ps->end && *p == '^')
        p++;
    for (bool first = true; p < ps->end && (first || *p != ']'); first = false) {
        bool escape = *p++ == '%';
        if (escape && p < ps->end)
            p++;
    }
    if (p >= ps->end)
        return false;
    it->test = TEST_SET;
    it->set = ps->at;
    it->set_end = p;
    ps->at = p + 1;
    return true;
}

/* One character or class. NULL, or what is wrong with it. */
static const char *parse_test(struct parser *ps, struct pattern_item *it)
{
    char c = *ps->at++;
    it->letter = (uint8_t)c;
    it->test = c == '.' ? TEST_ANY : TEST_LETTER;
    if (c == '[')
        return parse_set(ps, it) ? NULL : "malformed pattern (missing ']')";
    if (c != '%')
        return NULL;
    if (ps->at == ps->end)
        return "malformed pattern (ends with '%')";
    it->letter = (uint8_t)*ps->at++;
    uint8_t small = (uint8_t)tolower(it->letter);
    if (is_of(0, small) >= 0) {
        it->test = TEST_CLASS;
        it->negated = it->letter != small;
        it->letter = small;
    }
    return NULL;
}

static void parse_single(struct parser *ps)
{
    struct pattern_item *it = add(ps, ITEM_ONE);
    const char *wrong = parse_test(ps, it);
    if (wrong) {
        ps->count--;
        add_fault(ps, wrong);
        return;
    }
    char suffix = ps->at < ps->end ? *ps->at : '\0';
    if (suffix != '*' && suffix != '+' && suffix != '-' && suffix != '?')
        return;
    it->kind = suffix == '-' ? ITEM_LAZY : suffix == '?' ? ITEM_MAYBE : ITEM_MANY;
    it->least = suffix == '+';
    ps->back = ps->count - 1;
    ps->at++;
}

static void parse_open(struct parser *ps)
{
    struct pattern *p = ps->pattern;
    bool position = ps->at < ps->end && *ps->at == ')';
    if (p->ncaptures == PATTERN_CAPTURES_MAX) {
        add_fault(ps, "too many captures");
        return;
    }
    add(ps, position ? ITEM_POSITION : ITEM_OPEN)->capture = (uint8_t)p->ncaptures;
    if (position) {
        ps->at++;
    } else {
        ps->open[ps->nopen++] = (uint8_t)p->ncaptures;
        p->open |= (uint32_t)1 << p->ncaptures;
    }
    p->ncaptures++;
}

static void parse_close(struct parser *ps)
{
    if (ps->nopen == 0) {
        add_fault(ps, "invalid pattern capture");
        return;
    }
    int capture = ps->open[--ps->nopen];
    ps->pattern->open &= ~((uint32_t)1 << capture);
    add(ps, ITEM_CLOSE)->capture = (uint8_t)capture;
}

static void parse_balance(struct parser *ps)
{
    if (ps->end - ps->at < 2) {
        add_fault(ps, "malformed pattern (missing arguments to '%b')");
        return;
    }
    struct pattern_item *it = add(ps, ITEM_BALANCE);
    it->letter = (uint8_t)*ps->at++;
    it->partner = (uint8_t)*ps->at++;
}

static void parse_frontier(struct parser *ps)
{
    if (ps->at == ps->end || *ps->at != '[') {
        add_fault(ps, "missing '[' after '%f' in pattern");
        return;
    }
    struct pattern_item *it = add(ps, ITEM_FRONTIER);
    ps->at++;
    if (!parse_set(ps, it)) {
        ps->count--;
        add_fault(ps, "malformed pattern (missing ']')");
    }
}

static void parse_same(struct parser *ps, char digit)
{
    const struct pattern *p = ps->pattern;
    int capture = digit - '1';
    if (capture < 0 || capture >= p->ncaptures || (p->open >> capture & 1))
        add_fault(ps, "invalid capture index in pattern");
    else
        add(ps, ITEM_SAME)->capture = (uint8_t)capture;
}

static void parse_item(struct parser *ps)
{
    char c = ps->at[0], next = ps->end - ps->at > 1 ? ps->at[1] : '\0';
    if (c == '(' || c == ')') {
        ps->at++;
        if (c == '(')
            parse_open(ps);
        else
            parse_close(ps);
    } else if (c == '$' && ps->end - ps->at == 1) {
        ps->at++;
        add(ps, ITEM_END);
    } else if (c == '%' && (next == 'b' || next == 'f' || isdigit((unsigned char)next))) {
        ps->at += 2;
        if (next == 'b')
            parse_balance(ps);
        else if (next == 'f')
            parse_frontier(ps);
        else
            parse_same(ps, next);
    } else {
        parse_single(ps);
    }
}

void pattern_compile(lua_State *L, struct pattern *p, struct slice text)
{
    p->L = L;
    p->ncaptures = 0;
    p->open = 0;
    p->items = p->few;
    if (text.len > PATTERN_BYTES_MAX)
        luaL_error(L, "pattern longer than %d bytes", PATTERN_BYTES_MAX);
    if (text.len >= PATTERN_FEW) /* never more items than characters, and the end */
        p->items = lua_newuserdatauv(L, (text.len + 1) * sizeof(p->items[0]), 0);
    else
        lua_pushnil(L);
    struct parser ps;
    ps.pattern = p;
    ps.at = text.data;
    ps.end = text.data + text.len;
    ps.count = ps.nopen = 0;
    ps.back = -1;
    while (ps.at < ps.end)
        parse_item(&ps);
    add(&ps, ITEM_DONE);
}

void pattern_subject(struct pattern *p, struct slice subject)
{
    p->subject = subject.data;
    p->end = subject.data + subject.len;
}

/* -- matching -- */

/* As many as possible. */
static const char *take_many(struct pattern *p, struct pattern_item *it, const char *at)
{
    it->lowest = at + it->least;
    while (at < p->end && fits(it, (unsigned char)*at)) {
        sandbox_poll(p->L);
        at++;
    }
    it->taken = at;
    return at < it->lowest ? NULL : at;
}

static const char *take_balance(struct pattern *p, const struct pattern_item *it, const char *at)
{
    if (at == p->end || (unsigned char)*at != it->letter)
        return NULL;
    size_t depth = 1;
    while (++at < p->end) {
        sandbox_poll(p->L);
        if ((unsigned char)*at == it->partner) {
            if (--depth == 0)
                return at + 1;
        } else if ((unsigned char)*at == it->letter) {
            depth++;
        }
    }
    return NULL;
}

static bool at_frontier(const struct pattern *p, const struct pattern_item *it, const char *at)
{
    unsigned char before = at == p->subject ? '\0' : (unsigned char)at[-1];
    unsigned char here = at == p->end ? '\0' : (unsigned char)*at;
    return !in_set(before, it->set, it->set_end) && in_set(here, it->set, it->set_end);
}

static const char *take_same(const struct pattern *p, const struct pattern_item *it, const char *at)
{
    const struct pattern_capture *c = &p->captures[it->capture];
    if (!c->end) /* a position is no text */
        return NULL;
    size_t len = (size_t)(c->end - c->start);
    return (size_t)(p->end - at) >= len && memcmp(c->start, at, len) == 0 ? at + len : NULL;
}

/* Take the item at this place: where the next one begins, or NULL. [-0, +0, e] */
static const char *take(struct pattern *p, struct pattern_item *it, const char *at)
{
    switch (it->kind) {
    case ITEM_ONE:
        return at < p->end && fits(it, (unsigned char)*at) ? at + 1 : NULL;
    case ITEM_MANY:
        return take_many(p, it, at);
    case ITEM_LAZY:
        return it->taken = at;
    case ITEM_MAYBE:
        it->taken = at < p->end && fits(it, (unsigned char)*at) ? at : NULL;
        return it->taken ? at + 1 : at;
    case ITEM_OPEN:
    case ITEM_POSITION:
        p->captures[it->capture] = (struct pattern_capture){at, NULL};
        return at;
    case ITEM_CLOSE:
        p->captures[it->capture].end = at;
        return at;
    case ITEM_SAME:
        return take_same(p, it, at);
    case ITEM_BALANCE:
        return take_balance(p, it, at);
    case ITEM_FRONTIER:
        return at_frontier(p, it, at) ? at : NULL;
    case ITEM_END:
        return at == p->end ? at : NULL;
    default:
        luaL_error(p->L, "%s", it->set);
        return NULL;
    }
}

/* What follows did not match: end at another place, or NULL when there is none left. */
static const char *take_again(struct pattern *p, struct pattern_item *it)
{
    const char *at = it->taken;
    if (it->kind == ITEM_MANY)
        return at > it->lowest ? --it->taken : NULL;
    if (it->kind == ITEM_LAZY)
        return at < p->end && fits(it, (unsigned char)*at) ? ++it->taken : NULL;
    it->taken = NULL; /* MAYBE: do without */
    return at;
}

const char *pattern_match(struct pattern *p, const char *at)
{
    for (int i = 0; p->items[i].kind != ITEM_DONE; i++) {
        sandbox_poll(p->L);
        at = take(p, &p->items[i], at);
        while (!at) {
            i = p->items[i].back;
            if (i < 0)
                return NULL;
            at = take_again(p, &p->items[i]);
        }
    }
    return at;
}

/* -- captures -- */

void pattern_push(struct pattern *p, int i, const char *at, const char *end)
{
    if (i >= p->ncaptures) {
        if (i > 0)
            luaL_error(p->L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(p->L, at, (size_t)(end - at));
        return;
    }
    const struct pattern_capture *c = &p->captures[i];
    if (p->open >> i & 1)
        luaL_error(p->L, "unfinished capture");
    if (c->end)
        lua_pushlstring(p->L, c->start, (size_t)(c->end - c->start));
    else
        lua_pushinteger(p->L, c->start - p->subject + 1);
}

int pattern_push_all(struct pattern *p, bool whole, const char *at, const char *end)
{
    int n = p->ncaptures == 0 && whole ? 1 : p->ncaptures;
    luaL_checkstack(p->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        pattern_push(p, i, at, end);
    return n;
}
