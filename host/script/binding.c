#include "script/binding.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "script/copy.h"
#include "script/fault.h"
#include "tls/random.h"

#include <stdlib.h>
#include <string.h>

/* The `call` object: one userdata per state, without content. What it shows is sb->call, set by the runtime for each
 * command, so nothing is built per call; a field is made when it is read. Used after its command, it raises. */

enum { PATH_BYTES = 1024 };

struct call *binding_call(lua_State *L)
{
    struct call *call = sandbox_of(L)->call;
    if (!call)
        luaL_error(L, "`call` belongs to a running command; there is none");
    return call;
}

/* Whoever goes on after a failed statement has a bug, and is told which one it was. [-0, +0, m] */
static void explain_doom(lua_State *L, struct err *err)
{
    const struct sandbox *sb = sandbox_of(L);
    luaL_where(L, 1);
    err_rule(
        err, ERR_INTERNAL, err->rule, NULL,
        "plugin %s, %san earlier SQL error has doomed this command: let it fail, or check with SELECT before writing; "
        "it was: %s",
        sb->options.plugin, lua_tostring(L, -1),
        sb->doom && sb->doom->code != 0 ? sb->doom->text : "of another command");
    lua_pop(L, 1);
}

int binding_refuse(lua_State *L, struct err *err)
{
    if (strcmp(err->rule, "sql.doomed") == 0)
        explain_doom(L, err);
    if (err->code == ERR_TIMEOUT)
        frame_expire();
    sandbox_poll(L);
    return fault_raise(L, err);
}

/* -- formats -- */

/* The next item of a format: 's', 'd', '%' for a wrong one, '\0' at the end. Moves behind it. */
static char next_item(const char **fmt)
{
    for (const char *p = *fmt; (p = strchr(p, '%')); p += 2) {
        if (p[1] == '%')
            continue;
        *fmt = p[1] ? p + 2 : p + 1;
        return p[1] == 's' || p[1] == 'd' ? p[1] : '%';
    }
    *fmt = "";
    return '\0';
}

bool binding_same_items(const char *fmt, const char *other)
{
    char a, b;
    do {
        a = next_item(&fmt);
        b = next_item(&other);
    } while (a == b && a != '\0');
    return a == b;
}

/* Append, cut at a character's boundary; what follows a cut is dropped. */
static void add(char *out, size_t size, size_t *len, const char *text, size_t n)
{
    size_t room = size - 1 - *len;
    if (n > room)
        n = utf8_cut((struct slice){text, n}, room);
    memcpy(out + *len, text, n);
    *len += n;
    out[*len] = '\0';
}

/* The value at `index` for one item; the text stays on the stack. [-0, +1, e] */
static const char *item_text(lua_State *L, const char *fmt, char item, int index, size_t *len)
{
    if (item != 's' && item != 'd')
        luaL_error(L, "format \"%s\": only %%s, %%d and %%%% are known", fmt);
    if (lua_isnone(L, index))
        luaL_error(L, "format \"%s\": it needs more values than were given", fmt);
    if (item == 's')
        return sandbox_tostring(L, index, len);
    int whole = 0;
    lua_Integer i = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
    if (!whole)
        luaL_error(L, "format \"%s\": %%d needs an integer, not a %s", fmt, luaL_typename(L, index));
    lua_pushinteger(L, i);
    return lua_tolstring(L, -1, len);
}

void binding_format(lua_State *L, const char *fmt, int first, char *out, size_t size)
{
    size_t len = 0;
    int top = lua_gettop(L);
    out[0] = '\0';
    for (const char *p = fmt; *p;) {
        size_t n = strcspn(p, "%");
        add(out, size, &len, p, n);
        p += n;
        if (*p == '\0')
            break;
        if (p[1] == '%') {
            add(out, size, &len, "%", 1);
        } else {
            /* Behind the arguments there are texts of our own: a missing one must not find them. */
            const char *text = item_text(L, fmt, p[1], first <= top ? first : lua_gettop(L) + 1, &n);
            add(out, size, &len, text, n);
            lua_settop(L, top);
            first++;
        }
        p += 2;
    }
}

/* -- refusing -- */

static int refusal_code(lua_State *L, const char *token)
{
    static const int codes[] = {ERR_ARG,      ERR_NOTFOUND, ERR_STATE,  ERR_NOPERM, ERR_SCOPE,
                                ERR_CONFLICT, ERR_DUP,      ERR_CLOSED, ERR_LIMIT,  ERR_POLICY};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(token, err_token(codes[i])) == 0)
            return codes[i];
    return luaL_error(
        L, "call:fail: no code %s; there are ARG NOTFOUND STATE NOPERM SCOPE CONFLICT DUP CLOSED LIMIT POLICY", token);
}

/* Copy a text field of the details, cut to fit. [-0, +0, e] */
static void take_detail(lua_State *L, int index, const char *key, char *out, size_t size)
{
    lua_pushstring(L, key);
    lua_rawget(L, index);
    if (!copy_is_null(L, -1)) {
        size_t len;
        const char *text = sandbox_tostring(L, -1, &len);
        len = utf8_cut((struct slice){text, len}, size - 1);
        memcpy(out, text, len);
        out[len] = '\0';
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* `allowed` may be a list: its texts, comma separated. [-0, +0, e] */
static void take_allowed(lua_State *L, int index, char *out, size_t size)
{
    lua_pushliteral(L, "allowed");
    if (lua_rawget(L, index) != LUA_TTABLE) {
        lua_pop(L, 1);
        take_detail(L, index, "allowed", out, size);
        return;
    }
    size_t len = 0, n = (size_t)lua_rawlen(L, -1);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        size_t word_len;
        const char *word = sandbox_tostring(L, -1, &word_len);
        if (len + word_len + 3 < size) {
            if (len > 0)
                add(out, size, &len, ", ", 2);
            add(out, size, &len, word, word_len);
        }
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

/* call:fail(code, [details,] fmt, …): never returns. [-n, +0, v] */
static int call_fail(lua_State *L)
{
    struct call *call = binding_call(L);
    int code = refusal_code(L, luaL_checkstring(L, 2));
    struct err err = {.code = code};
    int at = 3;
    if (lua_type(L, 3) == LUA_TTABLE) {
        take_detail(L, 3, "rule", err.rule, sizeof(err.rule));
        take_detail(L, 3, "arg", err.arg, sizeof(err.arg));
        take_detail(L, 3, "state", err.state, sizeof(err.state));
        take_allowed(L, 3, err.allowed, sizeof(err.allowed));
        at = 4;
    }
    const char *fmt = luaL_checkstring(L, at);
    const char *translated = call->ops->translate ? call->ops->translate(call, fmt) : NULL;
    if (!translated || !binding_same_items(fmt, translated))
        translated = fmt;
    binding_format(L, translated, at + 1, err.text, sizeof(err.text));
    if (!utf8_valid(slice_of(err.text)))
        return luaL_error(L, "call:fail: the text is not UTF-8");
    return fault_raise(L, &err);
}

/* -- asking the host -- */

static struct slice check_text(lua_State *L, int index)
{
    struct slice s;
    s.data = luaL_checklstring(L, index, &s.len);
    return s;
}

static struct call *check_write(lua_State *L, const char *method)
{
    struct call *call = binding_call(L);
    if (!call->write)
        luaL_error(L, "call:%s: only a command of mode \"write\" may", method);
    return call;
}

/* call:next(series) → integer [-2, +1, e] */
static int call_next(lua_State *L)
{
    struct call *call = check_write(L, "next");
    struct slice series = check_text(L, 2);
    struct err err = {0};
    int64_t number = 0;
    if (call->ops->next(call, series, &number, &err) != 0)
        return binding_refuse(L, &err);
    lua_pushinteger(L, number);
    return 1;
}

/* call:setting(name) → value [-2, +1, e] */
static int call_setting(lua_State *L)
{
    struct call *call = binding_call(L);
    struct slice name = check_text(L, 2);
    struct err err = {0};
    struct value v = value_null();
    if (call->ops->setting(call, name, &v, &err) != 0)
        return binding_refuse(L, &err);
    copy_push(L, &v);
    return 1;
}

/* call:emit(topic, payload) [-3, +0, e] */
static int call_emit(lua_State *L)
{
    struct call *call = check_write(L, "emit");
    struct buf *json = &sandbox_of(L)->text;
    struct slice topic = check_text(L, 2);
    struct err err = {0};
    buf_clear(json);
    json->max = 64 * 1024;
    lua_settop(L, 3);
    copy_json(L, 3, json);
    if (call->ops->emit(call, topic, buf_view(json), &err) != 0)
        return binding_refuse(L, &err);
    return 0;
}

/* call:unit_set(code, parent|nil) [-3, +0, e] */
static int call_unit_set(lua_State *L)
{
    struct call *call = check_write(L, "unit_set");
    struct slice code = check_text(L, 2);
    struct slice parent = copy_is_null(L, 3) ? SLICE("") : check_text(L, 3);
    struct err err = {0};
    if (call->ops->unit_set(call, code, parent, &err) != 0)
        return binding_refuse(L, &err);
    return 0;
}

/* The path of the unit at index 2 in sb->text, or NULL when there is none. [-0, +0, e] */
static struct buf *path_of(lua_State *L, struct call *call)
{
    struct buf *path = &sandbox_of(L)->text;
    struct slice code = check_text(L, 2);
    struct err err = {0};
    buf_clear(path);
    path->max = PATH_BYTES;
    int rv = call->ops->unit_path(call, code, path, &err);
    if (rv == ERR_NOTFOUND)
        return NULL;
    if (rv != 0)
        binding_refuse(L, &err);
    return path;
}

/* call:unit_path(code) → path | nil [-2, +1, e] */
static int call_unit_path(lua_State *L)
{
    struct buf *path = path_of(L, binding_call(L));
    if (path)
        lua_pushlstring(L, path->data ? path->data : "", path->len);
    else
        lua_pushnil(L);
    return 1;
}

/* call:in_scope(code) → boolean [-2, +1, e] */
static int call_in_scope(lua_State *L)
{
    struct call *call = binding_call(L);
    struct buf *path = path_of(L, call);
    size_t n = strlen(call->scope);
    lua_pushboolean(L, path && path->len >= n && memcmp(path->data, call->scope, n) == 0);
    return 1;
}

/* call:nfc(text) → text [-2, +1, e] */
static int call_nfc(lua_State *L)
{
    struct buf *out = &sandbox_of(L)->text;
    struct slice text = check_text(L, 2);
    buf_clear(out);
    out->max = 3 * text.len + 64;
    struct err err = {0};
    if (utf8_nfc(text, out, &err) != 0)
        return binding_refuse(L, &err);
    lua_pushlstring(L, out->data ? out->data : "", out->len);
    return 1;
}

/* call:hash(text) → SHA-256 as hex [-2, +1, e] */
static int call_hash(lua_State *L)
{
    struct slice text = check_text(L, 2);
    unsigned char sum[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256(&text, 1, sum);
    hex_encode(sum, sizeof(sum), hex);
    lua_pushstring(L, hex);
    return 1;
}

/* call:log(fmt, …) [-n, +0, v] */
static int call_log(lua_State *L)
{
    struct call *call = binding_call(L);
    char text[1000];
    binding_format(L, luaL_checkstring(L, 2), 3, text, sizeof(text));
    log_info("plugin", "%s, %s: %s", call->plugin, call->command, text);
    return 0;
}

/* -- fields -- */

enum field {
    FIELD_NOW,
    FIELD_USER,
    FIELD_PERSON,
    FIELD_LANG,
    FIELD_SCOPE,
    FIELD_SCOPE_END,
    FIELD_ZONE,
    FIELD_TODAY,
    FIELD_DB
};

static const char *const fields[] = {"now", "user", "person", "lang", "scope", "scope_end", "zone_min", "today", "db"};

void binding_push_scope_end(lua_State *L, const char *scope)
{
    char end[PATH_BYTES];
    size_t len = strlen(scope);
    if (len == 0 || len >= sizeof(end))
        luaL_error(L, "call.scope_end: no scope");
    memcpy(end, scope, len);
    end[len - 1] = '0';
    lua_pushlstring(L, end, len);
}

/* Upvalues: 1 name → method or number of a field; 2 the db object. [-2, +1, e] */
static int call_index(lua_State *L)
{
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(1));
    if (type == LUA_TFUNCTION)
        return 1;
    if (type != LUA_TNUMBER)
        return luaL_error(L, "call has no field '%s'", lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
    const struct call *call = binding_call(L);
    char day[11];
    switch ((enum field)lua_tointeger(L, -1)) {
    case FIELD_NOW:
        lua_pushinteger(L, call->now_ms);
        break;
    case FIELD_USER:
        lua_pushstring(L, call->user);
        break;
    case FIELD_PERSON:
        lua_pushstring(L, call->person);
        break;
    case FIELD_LANG:
        lua_pushstring(L, call->lang);
        break;
    case FIELD_SCOPE:
        lua_pushstring(L, call->scope);
        break;
    case FIELD_SCOPE_END:
        binding_push_scope_end(L, call->scope);
        break;
    case FIELD_ZONE:
        lua_pushinteger(L, call->zone_min);
        break;
    case FIELD_TODAY:
        clock_format_day(call->now_ms, call->zone_min, day);
        lua_pushstring(L, day);
        break;
    case FIELD_DB:
        lua_pushvalue(L, lua_upvalueindex(2));
        break;
    }
    return 1;
}

/* [-3, +0, e] */
static int call_newindex(lua_State *L)
{
    return luaL_error(L, "call can't be changed");
}

void sandbox_open_call(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"fail", call_fail},
        {"next", call_next},
        {"setting", call_setting},
        {"emit", call_emit},
        {"unit_set", call_unit_set},
        {"unit_path", call_unit_path},
        {"in_scope", call_in_scope},
        {"nfc", call_nfc},
        {"hash", call_hash},
        {"log", call_log},
        {"invoke", binding_invoke},
        {"figure", binding_figure},
        {NULL, NULL},
    };
    fault_open(L);
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 4);
    luaL_newlib(L, methods);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, fields[i]);
    }
    binding_push_db(L);
    lua_pushcclosure(L, call_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, call_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushliteral(L, "call");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    sandbox_of(L)->ref_call = luaL_ref(L, LUA_REGISTRYINDEX);
}
