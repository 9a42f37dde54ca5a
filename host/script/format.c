#include "script/library.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* string.format of the reference manual 5.4: one conversion after the other, numbers through snprintf with a format
 * that was checked. %p is refused, for addresses tell where the process lies and how texts are hashed; what %s shows of
 * a table has no address either. */

enum { SPEC_BYTES = 22, NUMBER_BYTES = 512 }; /* %99.99f of the largest double has 409 */

struct spec {
    char form[SPEC_BYTES + 8]; /* "%-5.3", then the conversion */
    size_t len;
    bool precision;
    char conversion;
};

static int refuse(lua_State *L, const char *at, size_t len)
{
    return luaL_error(L, "invalid conversion '%%%s' to 'format'", lua_pushlstring(L, at, len));
}

static bool two_digits(const char **p)
{
    for (int i = 0; i < 2 && isdigit((unsigned char)**p); i++)
        (*p)++;
    return !isdigit((unsigned char)**p);
}

/* Which flags may stand before this conversion, and may a precision? NULL: no such conversion. */
static const char *flags_of(char conversion, bool *precision)
{
    *precision = conversion != 'c';
    switch (conversion) {
    case 'd':
    case 'i':
        return "-+0 ";
    case 'u':
        return "-0";
    case 'o':
    case 'x':
    case 'X':
        return "-#0";
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
        return "-+ #0";
    case 'c':
    case 's':
        return "-";
    case 'q':
        return "";
    default:
        return NULL;
    }
}

/* The conversion at `at`, behind its '%'. Returns where the text goes on. The format ends in NUL. [-0, +0, e] */
static const char *take_spec(lua_State *L, const char *at, struct spec *spec)
{
    size_t len = strspn(at, "-+ #0123456789.");
    bool precision;
    const char *flags = len < SPEC_BYTES ? flags_of(at[len], &precision) : NULL;
    if (len >= SPEC_BYTES)
        luaL_error(L, "invalid format string to 'format'");
    if (!flags)
        refuse(L, at, len + (at[len] != '\0'));
    const char *p = at + strspn(at, flags);
    bool right = *p != '0' && two_digits(&p); /* 0 is a flag */
    spec->precision = right && *p == '.';
    if (spec->precision) {
        p++;
        right = precision && two_digits(&p);
    }
    if (!right || p != at + len)
        refuse(L, at, len + 1);
    if (*p == 'q' && len > 0)
        luaL_error(L, "specifier '%%q' cannot have modifiers");
    spec->conversion = *p;
    spec->form[0] = '%';
    memcpy(spec->form + 1, at, len);
    spec->len = len + 1;
    return p + 1;
}

/* The format with a length modifier before its conversion. */
static const char *form_with(struct spec *spec, const char *modifier)
{
    snprintf(spec->form + spec->len, sizeof(spec->form) - spec->len, "%s%c", modifier, spec->conversion);
    return spec->form;
}

/* -- %q -- */

static void quote_text(luaL_Buffer *b, const char *s, size_t len)
{
    text_add(b, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        char escape[5] = {'\\', (char)c, '\0'};
        if (c == '"' || c == '\\' || c == '\n') {
            text_add(b, escape, 2);
        } else if (iscntrl(c)) {
            bool digit = i + 1 < len && isdigit((unsigned char)s[i + 1]);
            text_add(b, escape, (size_t)snprintf(escape, sizeof(escape), digit ? "\\%03d" : "\\%d", c));
        } else {
            text_add(b, s + i, 1);
        }
        sandbox_poll(b->L);
    }
    text_add(b, "\"", 1);
}

static void quote_number(lua_State *L, luaL_Buffer *b, int arg)
{
    char out[NUMBER_BYTES];
    if (lua_isinteger(L, arg)) {
        lua_Integer i = lua_tointeger(L, arg);
        /* The smallest integer has no decimal literal. */
        snprintf(out, sizeof(out), i == LUA_MININTEGER ? "0x%llx" : "%lld", (long long)i);
    } else {
        double d = lua_tonumber(L, arg);
        if (isnan(d))
            strcpy(out, "(0/0)");
        else if (isinf(d))
            strcpy(out, d > 0 ? "1e9999" : "-1e9999");
        else
            snprintf(out, sizeof(out), "%a", d);
    }
    text_add(b, out, strlen(out));
}

/* As a literal that Lua reads back. [-0, +?, e] */
static void add_quoted(lua_State *L, luaL_Buffer *b, int arg)
{
    size_t len;
    const char *s;
    switch (lua_type(L, arg)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, arg, &len);
        quote_text(b, s, len);
        return;
    case LUA_TNUMBER:
        quote_number(L, b, arg);
        return;
    case LUA_TNIL:
    case LUA_TBOOLEAN:
        sandbox_tostring(L, arg, NULL);
        text_add_value(b);
        return;
    default:
        luaL_argerror(L, arg, "value has no literal form");
    }
}

/* -- the others -- */

/* [-0, +?, e] */
static void add_string(lua_State *L, luaL_Buffer *b, int arg, struct spec *spec)
{
    size_t len;
    const char *s = sandbox_tostring(L, arg, &len);
    if (spec->len == 1 || (!spec->precision && len >= 100)) {
        text_add_value(b);
        return;
    }
    luaL_argcheck(L, strlen(s) == len, arg, "string contains zeros");
    char out[NUMBER_BYTES]; /* width and precision have two digits at most */
    int n = snprintf(out, sizeof(out), form_with(spec, ""), s);
    lua_pop(L, 1); /* the buffer may grow only on top of the stack */
    text_add(b, out, (size_t)n);
}

static void add_converted(lua_State *L, luaL_Buffer *b, int arg, struct spec *spec)
{
    char out[NUMBER_BYTES];
    int n;
    switch (spec->conversion) {
    case 'q':
        add_quoted(L, b, arg);
        return;
    case 's':
        add_string(L, b, arg, spec);
        return;
    case 'c':
        n = snprintf(out, sizeof(out), form_with(spec, ""), (int)luaL_checkinteger(L, arg));
        break;
    case 'd':
    case 'i':
    case 'o':
    case 'u':
    case 'x':
    case 'X':
        n = snprintf(out, sizeof(out), form_with(spec, "ll"), (long long)luaL_checkinteger(L, arg));
        break;
    default:
        n = snprintf(out, sizeof(out), form_with(spec, ""), luaL_checknumber(L, arg));
    }
    text_add(b, out, (size_t)n);
}

/* string.format(format, …) → text [-n, +1, e] */
int format_run(lua_State *L)
{
    int top = lua_gettop(L), arg = 1;
    size_t len;
    const char *at = luaL_checklstring(L, 1, &len), *end = at + len;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    while (at < end) {
        sandbox_poll(L);
        const char *percent = memchr(at, '%', (size_t)(end - at));
        text_add(&b, at, (size_t)((percent ? percent : end) - at));
        if (!percent)
            break;
        at = percent + 1;
        if (*at == '%') {
            text_add(&b, at++, 1);
            continue;
        }
        struct spec spec;
        if (++arg > top)
            return luaL_argerror(L, arg, "no value");
        at = take_spec(L, at, &spec);
        add_converted(L, &b, arg, &spec);
    }
    luaL_pushresult(&b);
    return 1;
}
