#include "cli/play.h"
#include "script/jsontext.h"

#include <stdlib.h>
#include <string.h>

/* From an arguments table to words: the array part first, in order, then name=value in the order of the names, so that
 * the same arguments always make the same bytes. Everything is read with raw access, so nothing here jumps over our
 * frames.
 */

#define NAMES_MAX 1024

void play_words_clear(struct play_words *words)
{
    buf_clear(&words->bytes);
    words->count = 0;
}

void play_words_close(struct play_words *words)
{
    buf_close(&words->bytes);
    free(words->ends);
    free(words->slices);
    *words = (struct play_words){0};
}

void play_word_end(struct play_words *words)
{
    if (words->count == words->cap) {
        words->cap = words->cap > 0 ? words->cap * 2 : 16;
        words->ends = mem_realloc(words->ends, (size_t)words->cap * sizeof *words->ends);
        words->slices = mem_realloc(words->slices, (size_t)words->cap * sizeof *words->slices);
    }
    words->ends[words->count++] = words->bytes.len;
}

struct slice *play_words_slices(struct play_words *words)
{
    size_t start = 0;
    for (int i = 0; i < words->count; i++) {
        words->slices[i] =
            (struct slice){words->bytes.data != NULL ? words->bytes.data + start : "", words->ends[i] - start};
        start = words->ends[i];
    }
    return words->slices;
}

/* Append the value at `index` as the text the server parses. */
static int put_value(lua_State *L, int index, struct buf *out, struct err *err)
{
    size_t len;
    switch (lua_type(L, index)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, index, &len);
        return buf_append(out, text, len);
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return buf_int(out, lua_tointeger(L, index));
        return jsontext_double(lua_tonumber(L, index), out) == 0
                   ? 0
                   : err_set(err, ERR_ARG, "an infinite or undefined number");
    case LUA_TBOOLEAN:
        return buf_text(out, lua_toboolean(L, index) ? "true" : "false");
    case LUA_TTABLE: {
        json_t *value = play_to_json(L, index, 0, err);
        if (value == NULL)
            return ERR_ARG;
        int rv = jsontext_put(value, out);
        json_decref(value);
        return rv;
    }
    default:
        return err_set(err, ERR_ARG, "a %s cannot be an argument", luaL_typename(L, index));
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the table at `args`, sorted. They live as long as the table. Returns how many, or ERR_ARG. */
static int sorted_names(lua_State *L, int args, const char **names, struct err *err)
{
    int count = 0;
    lua_Integer length = (lua_Integer)lua_rawlen(L, args);
    lua_pushnil(L);
    while (lua_next(L, args) != 0) {
        lua_pop(L, 1);
        bool positional = lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && lua_tointeger(L, -1) <= length;
        if (positional)
            continue;
        if (lua_type(L, -1) != LUA_TSTRING || count == NAMES_MAX) {
            lua_pop(L, 1);
            return err_set(err, ERR_ARG,
                           count == NAMES_MAX ? "too many arguments"
                                              : "arguments are positional (1, 2, 3 …) or have a name");
        }
        names[count++] = lua_tostring(L, -1);
    }
    qsort(names, (size_t)count, sizeof *names, compare);
    return count;
}

static int gather_args(lua_State *L, struct play_words *words, int args, struct err *err)
{
    const char **names = mem_alloc(NAMES_MAX * sizeof *names);
    lua_Integer length = (lua_Integer)lua_rawlen(L, args);
    int rv = 0, count = sorted_names(L, args, names, err);
    if (count < 0)
        rv = count;
    for (lua_Integer i = 1; i <= length && rv == 0; i++) {
        lua_rawgeti(L, args, i);
        rv = play_is_null(L, -1)
                 ? err_set(err, ERR_ARG, "positional argument %d is null; leave it out or use names", (int)i)
                 : put_value(L, lua_gettop(L), &words->bytes, err);
        lua_pop(L, 1);
        play_word_end(words);
    }
    for (int i = 0; i < count && rv == 0; i++) {
        lua_pushstring(L, names[i]);
        lua_rawget(L, args);
        if (!play_is_null(L, -1)) { /* null: the argument is absent */
            buf_fmt(&words->bytes, "%s=", names[i]);
            rv = put_value(L, lua_gettop(L), &words->bytes, err);
            play_word_end(words);
        }
        lua_pop(L, 1);
    }
    free(names);
    return rv;
}

int play_gather(lua_State *L, struct play_words *words, int command, int args, struct err *err)
{
    size_t len;
    play_words_clear(words);
    if (!lua_checkstack(L, 12))
        return err_set(err, ERR_ARG, "the Lua stack is full");
    if (lua_type(L, command) != LUA_TSTRING)
        return err_set(err, ERR_ARG, "the command's name is a string, not a %s", luaL_typename(L, command));
    const char *name = lua_tolstring(L, command, &len);
    buf_append(&words->bytes, name, len);
    play_word_end(words);
    if (lua_isnoneornil(L, args))
        return 0;
    if (!lua_istable(L, args))
        return err_set(err, ERR_ARG, "the arguments are a table, not a %s", luaL_typename(L, args));
    return gather_args(L, words, args, err);
}
