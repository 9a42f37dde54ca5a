/* Random programs on states that are used again and again, each with a random limit: whatever a program does and
 * wherever the stop hits it, the next one on the same state (or on a new one, once a state had to die) runs as if
 * nothing had been. The address sanitizer watches.
 *
 * Programs take time, so a run without libFuzzer ends after SNIPPET_SECONDS (20): the inputs behind that are not run. */
#include "base/clock.h"
#include "base/log.h"
#include "script/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 5, SOURCE_BYTES = 6000, SOFT_BYTES = 2 << 20, LIMIT_MS_MAX = 200, SECONDS = 20 };

/* `@` is a block, `#` a number, `~` a text. */
static const char *const parts[] = {
    "while true do @ end",
    "for i = 1, # do @ end",
    "repeat @ until n > #",
    "pcall(function() @ end)",
    "xpcall(function() @ error('x') end, function(m) @ return m end)",
    "coroutine.wrap(function() @ coroutine.yield(#) @ end)()",
    "do local c = coroutine.create(function() @ coroutine.yield() @ end) coroutine.resume(c) coroutine.close(c) end",
    "do local x <close> = setmetatable({}, { __close = function() @ end }) @ end",
    "do local t = setmetatable({}, { __index = function(_, k) @ return k end, __len = function() return # end }) n = n + #t t[1] = t[2] end",
    "do local t = setmetatable({}, { __lt = function() @ return true end, __add = function() @ return 1 end }) n = (t < t) and 1 or t + 2 end",
    "s = (s .. ~):sub(#)",
    "s = s:rep(#)",
    "s = s:rep(#, ~):sub(1, 4000)",
    "n = #(s:gsub(~, function(w) @ return w .. ~ end))",
    "for w in s:gmatch(~) do n = n + #w @ end",
    "n = s:find(~, #) or 0",
    "n = select('#', s:match(~))",
    "s = string.format('%s %q %5.1f %d', ~, s, #, #)",
    "list[#list + 1] = { s, n }",
    "table.insert(list, 1, ~)",
    "table.remove(list, 1)",
    "s = table.concat({ ~, s, ~ }, ~):sub(1, 4000)",
    "do local t = {} for i = 1, # do t[i] = (i * 7) % 13 end table.sort(t, function(a, b) @ return a < b end) end",
    "list = table.pack(table.unpack(list, 1, math.min(#list, #)))",
    "table.move(list, 1, #, 2)",
    "n = n + #",
    "list = {}",
    "do local f = load('local s, n = ... ' .. ~ .. ' return n') if f then n = tonumber(f(s, n)) or 0 end end",
    "do local function f(k) @ if k > 0 then return 1 + f(k - 1) end return 0 end n = f(#) end",
    "error(~)",
    "error({})",
    "tostring(setmetatable({}, { __tostring = function() @ return ~ end }))",
    "n = #muster.json.encode({ s, n })",
    "muster.json.decode('[1,{\"a\":[null]}]')",
    "s = utf8.char(# + 1, # + 20000) n = utf8.len(s) or 0",
    "s = s:reverse():upper() n = string.unpack('b', s .. 'x')",
    "return n",
};
static const char *const texts[] = {"'a'",
                                    "'.-b'",
                                    "'(a*(.)%w(%s*))'",
                                    "'%f[%w]%a+'",
                                    "'[^a-c]+'",
                                    "'%b()'",
                                    "'(((.)'",
                                    "'x'",
                                    "'%1'",
                                    "('ab'):rep(99)",
                                    "''",
                                    "'a?a?a?b'",
                                    "'%d*$'",
                                    "'^(.-)%1b'",
                                    "'.'",
                                    "'[[]'",
                                    "' '",
                                    "'return'"};
static const int numbers[] = {0, 1, 2, 3, 7, 20, 100, 1000, 100000, -1, -5, 60};

struct source {
    char text[SOURCE_BYTES];
    size_t len, at, size;
    const uint8_t *data;
};

static unsigned pick(struct source *s, size_t below)
{
    return s->at < s->size ? s->data[s->at++] % (unsigned)below : 0;
}

static void put(struct source *s, const char *text)
{
    size_t n = strlen(text);
    if (s->len + n < sizeof(s->text)) {
        memcpy(s->text + s->len, text, n);
        s->len += n;
    }
}

static void put_block(struct source *s, int depth);

static void put_part(struct source *s, const char *part, int depth)
{
    char one[20] = {0};
    for (; *part; part++) {
        if (*part == '@') {
            put_block(s, depth + 1);
        } else if (*part == '~') {
            put(s, texts[pick(s, sizeof(texts) / sizeof(texts[0]))]);
        } else if (*part == '#' && (part[1] == '\0' || !strchr("lstmw(", part[1]))) {
            snprintf(one, sizeof(one), "%d", numbers[pick(s, sizeof(numbers) / sizeof(numbers[0]))]);
            put(s, one);
        } else {
            one[0] = *part;
            one[1] = '\0';
            put(s, one);
        }
    }
}

static void put_block(struct source *s, int depth)
{
    for (unsigned n = depth < DEPTH_MAX ? pick(s, 4) : 0; n > 0 && s->at < s->size; n--) {
        put(s, "do ");
        put_part(s, parts[pick(s, sizeof(parts) / sizeof(parts[0]))], depth);
        put(s, " end\n");
    }
}

/* -- running -- */

static struct sandbox *sandbox;
static struct watch *watch;

static int run_source(lua_State *L)
{
    const struct slice *source = lua_touserdata(L, 1);
    sandbox_compile(L, *source, "=snippet");
    lua_call(L, 0, 1);
    return 0;
}

/* [-0, +0, e] */
static int probe(lua_State *L)
{
    sandbox_compile(L, SLICE("local t = { 3, 1, 2 } table.sort(t) return table.concat(t) .. ('a'):rep(2)"), "=probe");
    lua_call(L, 0, 1);
    if (strcmp(lua_tostring(L, -1), "123aa") != 0)
        abort();
    return 0;
}

static int run(lua_CFunction body, void *arg, int limit_ms)
{
    struct err err = {0};
    struct frame frame = {.deadline_ns = clock_mono_ns() + (uint64_t)limit_ms * 1000000,
                          .limit_ms = limit_ms,
                          .plugin = "fuzz",
                          .command = "fuzz.run"};
    int rv = sandbox_run(sandbox, watch, &frame, body, arg, &err);
    if (frame_running() || rv != err.code || (sandbox->kill != KILL_NONE && rv == 0))
        abort();
    return rv;
}

static void need_sandbox(void)
{
    static const struct sandbox_options options = {.plugin = "fuzz", .soft_bytes = SOFT_BYTES, .string_bytes = 1 << 20};
    if (sandbox && !sandbox_dead(sandbox))
        return;
    sandbox_free(sandbox);
    sandbox = sandbox_new(&options);
}

static bool out_of_time(void)
{
    static uint64_t end;
    if (end == 0) {
        const char *seconds = getenv("SNIPPET_SECONDS");
        end = clock_mono_ns() + (uint64_t)(seconds ? atoi(seconds) : SECONDS) * 1000000000;
        log_set_level(LOG_ERROR + 1);
        if (watchdog_start(NULL) != 0 || !(watch = watch_enter(NULL, 20000)))
            abort();
    }
    return clock_mono_ns() >= end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct source s;
    if (out_of_time() || size < 2)
        return 0;
    s = (struct source){.at = 1, .size = size, .data = data};
    put(&s, "local s, n, list = 'seed', 0, {}\n");
    while (s.at < s.size && s.len < SOURCE_BYTES / 2)
        put_block(&s, 0);
    struct slice source = {s.text, s.len};
    need_sandbox();
    run(run_source, &source, 1 + data[0] * data[0] * LIMIT_MS_MAX / 65025);
    need_sandbox();
    if (run(probe, NULL, 10000) != 0)
        abort();
    return 0;
}
