#include "script/pattern.h"
#include "script/library.h"

#include <lualib.h>
#include <string.h>

/* The library `string`, as the reference manual 5.4 (§6.4) describes it. Here are the functions whose work can grow
 * beyond the length of a string: find, match, gmatch, gsub and rep; format is in format.c; dump does not exist.
 *
 * The rest comes from the interpreter's own library, for each of them looks at every byte once: byte, char, len, lower,
 * upper, reverse and sub at the bytes of one string, which has at most `string_bytes`; pack, unpack and packsize at
 * those of the format, and what they append or read is bounded by the strings given and by the state's memory. At full
 * size (16 MiB) that is some tens of milliseconds, like one collection of garbage. The metamethods that make "10" + 1
 * work convert one number. */

enum { PLAIN_BYTES = 1 << 20 };

/* Position `pos` of a string as an offset: negative ones count from the end, 0 is 1. */
static size_t start_of(lua_Integer pos, size_t len)
{
    if (pos > 0)
        return (size_t)pos - 1;
    return pos == 0 || pos < -(lua_Integer)len ? 0 : len - (size_t)-pos;
}

/* -- plain search -- */

static bool is_plain(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] && strchr("^$*+?.([%-", pattern.data[i]))
            return false;
    return true;
}

/* memmem is linear; in pieces, so that it can be stopped in between. [-0, +0, e] */
static const char *find_plain(lua_State *L, struct slice text, struct slice wanted)
{
    size_t piece = (wanted.len > PLAIN_BYTES ? wanted.len : PLAIN_BYTES) + wanted.len;
    for (;;) {
        sandbox_poll(L);
        size_t len = text.len < piece ? text.len : piece;
        const char *found = memmem(text.data, len, wanted.data, wanted.len);
        if (found || len == text.len)
            return found;
        size_t done = len - wanted.len + 1;
        text.data += done;
        text.len -= done;
    }
}

/* -- find, match -- */

struct search {
    struct slice text, pattern;
    size_t init;
};

/* (text, pattern [, init]) of find and match. [-0, +0, e] */
static struct search take_search(lua_State *L)
{
    struct search q;
    q.text.data = luaL_checklstring(L, 1, &q.text.len);
    q.pattern.data = luaL_checklstring(L, 2, &q.pattern.len);
    q.init = start_of(luaL_optinteger(L, 3, 1), q.text.len);
    return q;
}

/* Where the pattern first matches from q->init on, or NULL; p->… describe it. [-0, +1, e] */
static const char *search_from(lua_State *L, struct search *q, struct pattern *p, const char **end)
{
    bool anchored = q->pattern.len > 0 && q->pattern.data[0] == '^';
    if (anchored) {
        q->pattern.data++;
        q->pattern.len--;
    }
    pattern_compile(L, p, q->pattern);
    pattern_subject(p, q->text);
    for (const char *at = q->text.data + q->init; at <= p->end; at++) {
        if ((*end = pattern_match(p, at)))
            return at;
        if (anchored)
            break;
    }
    return NULL;
}

/* string.find(s, pattern [, init [, plain]]) → start, end, captures … | nil [-n, +m, e] */
static int str_find(lua_State *L)
{
    struct search q = take_search(L);
    if (q.init > q.text.len) {
        lua_pushnil(L);
        return 1;
    }
    const char *found, *end;
    struct pattern p;
    bool plain = lua_toboolean(L, 4) || is_plain(q.pattern);
    if (plain) {
        found = find_plain(L, (struct slice){q.text.data + q.init, q.text.len - q.init}, q.pattern);
        end = found ? found + q.pattern.len : NULL;
    } else {
        found = search_from(L, &q, &p, &end);
    }
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - q.text.data + 1);
    lua_pushinteger(L, end - q.text.data);
    return 2 + (plain ? 0 : pattern_push_all(&p, false, found, end));
}

/* string.match(s, pattern [, init]) → captures … | nil [-n, +m, e] */
static int str_match(lua_State *L)
{
    struct search q = take_search(L);
    struct pattern p;
    const char *end, *found = q.init > q.text.len ? NULL : search_from(L, &q, &p, &end);
    if (found)
        return pattern_push_all(&p, true, found, end);
    lua_pushnil(L);
    return 1;
}

/* -- gmatch -- */

struct walk {
    struct pattern pattern;
    const char *at, *last; /* where to go on; where the last match ended */
};

/* The iterator: upvalues are text, pattern, struct walk and the pattern's items. [-n, +m, e] */
static int next_match(lua_State *L)
{
    struct walk *w = lua_touserdata(L, lua_upvalueindex(3));
    w->pattern.L = L; /* another coroutine may go on with it */
    for (; w->at <= w->pattern.end; w->at++) {
        const char *end = pattern_match(&w->pattern, w->at);
        if (end && end != w->last) {
            const char *at = w->at;
            w->at = w->last = end;
            return pattern_push_all(&w->pattern, true, at, end);
        }
    }
    return 0;
}

/* string.gmatch(s, pattern [, init]) → iterator [-n, +1, e] */
static int str_gmatch(lua_State *L)
{
    struct search q = take_search(L);
    lua_settop(L, 2);
    struct walk *w = lua_newuserdatauv(L, sizeof(*w), 0);
    pattern_compile(L, &w->pattern, q.pattern);
    pattern_subject(&w->pattern, q.text);
    w->last = NULL;
    w->at = q.init > q.text.len ? w->pattern.end + 1 : q.text.data + q.init;
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

/* -- gsub -- */

/* Append the replacement text at index 3, in which %0 to %9 stand for captures. [-0, +?, e] */
static void add_text(struct pattern *p, luaL_Buffer *b, const char *at, const char *end)
{
    lua_State *L = p->L;
    struct slice r;
    r.data = lua_tolstring(L, 3, &r.len);
    while (r.len > 0) {
        sandbox_poll(L);
        const char *escape = memchr(r.data, '%', r.len);
        size_t plain = escape ? (size_t)(escape - r.data) : r.len;
        text_add(b, r.data, plain);
        if (!escape)
            return;
        char c = r.len - plain > 1 ? escape[1] : '\0';
        if (c == '%') {
            text_add(b, "%", 1);
        } else if (c == '0') {
            text_add(b, at, (size_t)(end - at));
        } else if (c >= '1' && c <= '9') {
            pattern_push(p, c - '1', at, end);
            text_add_value(b);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        r.data += plain + 2;
        r.len -= plain + 2;
    }
}

/* Append what replaces one match. Is it something else than the match itself? [-0, +?, e] */
static bool add_replacement(struct pattern *p, luaL_Buffer *b, int type, const char *at, const char *end)
{
    lua_State *L = p->L;
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, pattern_push_all(p, true, at, end), 1);
    } else if (type == LUA_TTABLE) {
        pattern_push(p, 0, at, end);
        lua_gettable(L, 3);
    } else {
        add_text(p, b, at, end);
        return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        text_add(b, at, (size_t)(end - at));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    text_add_value(b);
    return true;
}

/* string.gsub(s, pattern, replacement [, n]) → text, matches [-n, +2, e] */
static int str_gsub(lua_State *L)
{
    struct slice text, pattern;
    struct pattern p;
    luaL_Buffer b;
    text.data = luaL_checklstring(L, 1, &text.len);
    pattern.data = luaL_checklstring(L, 2, &pattern.len);
    int type = lua_type(L, 3);
    luaL_argexpected(L, lua_isstring(L, 3) || type == LUA_TTABLE || type == LUA_TFUNCTION, 3, "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)text.len + 1), n = 0;
    bool anchored = pattern.len > 0 && pattern.data[0] == '^', changed = false;
    pattern_compile(L, &p, (struct slice){pattern.data + anchored, pattern.len - anchored});
    pattern_subject(&p, text);
    luaL_buffinit(L, &b);
    const char *at = text.data, *copied = at, *last = NULL; /* where the last match ended */
    while (n < most && at <= p.end) {
        const char *end = pattern_match(&p, at);
        if (end && end != last) {
            n++;
            text_add(&b, copied, (size_t)(at - copied));
            changed |= add_replacement(&p, &b, type, at, end);
            at = copied = last = end;
        } else {
            at++;
        }
        if (anchored)
            break;
    }
    if (changed) {
        text_add(&b, copied, (size_t)(p.end - copied));
        luaL_pushresult(&b);
    } else {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, n);
    return 2;
}

/* -- rep -- */

/* string.rep(s, n [, separator]) → text [-n, +1, e] */
static int str_rep(lua_State *L)
{
    size_t len, gap;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &gap);
    if (n == 1)
        gap = 0; /* it stands between two */
    size_t most = sandbox_of(L)->options.string_bytes, each = len + gap;
    if (n <= 0 || each == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (each > most || (lua_Unsigned)n > (most + gap) / each)
        return luaL_error(L, "resulting string too large");
    luaL_Buffer b;
    size_t total = (size_t)n * each - gap, done = 0;
    char *out = luaL_buffinitsize(L, &b, total);
    memcpy(out, text, len);
    if (n > 1)
        memcpy(out + len, separator, gap);
    for (done = n > 1 ? each : len; done < total;) { /* what is there, once more */
        size_t more = done < total - done ? done : total - done;
        memcpy(out + done, out, more);
        done += more;
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

void sandbox_open_strings(lua_State *L)
{
    static const luaL_Reg own[] = {
        {"find", str_find}, {"match", str_match}, {"gmatch", str_gmatch}, {"gsub", str_gsub},
        {"rep", str_rep},   {"dump", NULL},       {NULL, NULL},
    };
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_setfuncs(L, own, 0);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pushcfunction(L, format_run);
    lua_setfield(L, -2, "format");
    /* Texts know their methods by the metatable that luaopen_string made; nobody else shall see it. */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 3);
}
