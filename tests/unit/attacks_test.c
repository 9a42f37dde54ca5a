#include "plugin_fixture.h"

#include "base/thread.h"
#include "script/quarantine.h"

#include <signal.h>
#include <sys/wait.h>

/* What a plugin could do against its host, each attack in its own command, with 100 ms and 32 MiB. Every one ends in a
 * stop, in an error or in a harmless answer; the state that was stopped is freed (a leak shows under the address
 * sanitizer), and the plugin's next command works. How long each took is printed; nothing but a hang fails for it. */

enum { TIME_MS = 100, SOFT_BYTES = 32 * 1024 * 1024, CEILING_MS = 20000 };

static struct world world;

#define LOOP "while true do end"
#define LOOPS "function() while true do end end"
#define CLOSING "local x <close> = setmetatable({}, { __close = " LOOPS " }) "
#define DOUBLING                                                                                                       \
    "local sql = 'WITH a0 AS (SELECT 1 AS x)' for i = 1, 20 do local l = 'a' .. i - 1"                                 \
    " sql = sql .. ', a' .. i .. ' AS (SELECT p.x + q.x AS x FROM ' .. l .. ' AS p, ' .. l .. ' AS q)' end "
/* As many of an expression over the texts t and p as a statement of SQL_WORDS holds, in one row: to SQLite
 * nothing of it is a step of its own. */
#define SQL_WORDS "20000"
#define ROW(words, expression)                                                                                         \
    "local e, sql = (' + " expression "'):rep(150), 'WITH a AS (SELECT ? AS t, ? AS p) SELECT 0'"                      \
    " sql = sql .. (e .. ', 0'):rep((" SQL_WORDS " - 100) // (152 * " #words ") - 1) .. e .. ' FROM a' "
#define SURVIVED " return 'survived'"

/* `expect`: STOPPED is a stop by a limit, REFUSED any error or stop, else a text within the answer or the error. */
#define STOPPED "\1"
#define REFUSED "\2"
static const struct attack {
    const char *name, *expect, *body;
} attacks[] = {
    /* -- time -- */
    {"loop", STOPPED, LOOP},
    {"pcall_in_a_loop", STOPPED, "while true do pcall(" LOOPS ") end"},
    {"xpcall_handler_loops", STOPPED, "xpcall(error, " LOOPS ")" SURVIVED},
    {"xpcall_handler_loops_at_the_kill", STOPPED, "xpcall(" LOOPS ", " LOOPS ")" SURVIVED},
    {"pcall_of_itself", STOPPED, "local f f = function() pcall(f) pcall(f) end f()" SURVIVED},
    {"wrapped_loop", STOPPED, "coroutine.wrap(" LOOPS ")()" SURVIVED},
    {"looping_coroutines", STOPPED, "while true do pcall(coroutine.wrap(" LOOPS ")) end"},
    {"ping_pong", STOPPED,
     "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end"},
    {"close_loops", STOPPED, "do " CLOSING " end" SURVIVED},
    {"close_loops_at_the_kill", STOPPED, "pcall(function() " CLOSING LOOP " end)" SURVIVED},
    {"killed_coroutine_closed", STOPPED,
     "local c = coroutine.create(function() " CLOSING LOOP
     " end) pcall(coroutine.resume, c) pcall(coroutine.close, c)" SURVIVED},
    {"gc_loops", REFUSED, "setmetatable({}, { __gc = " LOOPS " })"},
    {"gc_set_later", REFUSED,
     "local m = {} setmetatable({}, m) m.__gc = " LOOPS
     " for i = 1, 100 do local s = ('x'):rep(100000) .. i end return 'done'"},
    {"gc_resurrects", REFUSED,
     "local kept local t = setmetatable({}, { __gc = function(o) kept = o while true do end end }) t = nil"},
    {"goto_loop", STOPPED, "::a:: goto a"},
    {"lt_loops", STOPPED, "local t = setmetatable({}, { __lt = " LOOPS " }) return t < t"},
    /* -- texts -- */
    {"rep_2_40", REFUSED, "return #('x'):rep(1 << 40)"},
    {"rep_separator_overflows", REFUSED, "return #('x'):rep(1 << 62, ('y'):rep(1 << 20))"},
    {"rep_times_separator", REFUSED, "return #(''):rep(1 << 30, ('y'):rep(1 << 20))"},
    {"doubling", STOPPED, "local s = 'x' while true do s = s .. s end"},
    {"strings_into_a_table", "limit.memory", "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end"},
    {"lazy_30", STOPPED, "return ('a'):rep(2000):find(('.-'):rep(30) .. 'b')"},
    {"maybe_60", STOPPED, "return ('a'):rep(60):find(('a?'):rep(60) .. ('a'):rep(60) .. 'b')"},
    {"many_30", STOPPED, "return ('a'):rep(2000):find(('a*'):rep(30) .. 'b')"},
    {"set_on_8_mb", STOPPED, "return ('x'):rep(8 << 20):find('[' .. ('a'):rep(4000) .. 'x]*b')"},
    {"captures_31", STOPPED, "return ('a'):rep(100000):find(('(.-)'):rep(31) .. 'b')"},
    {"items_100000", REFUSED, "return ('a'):find(('a?'):rep(100000))"},
    {"gsub_lazy", STOPPED, "return (('a'):rep(1 << 20):gsub('.-b', ''))"},
    {"gsub_pcall", STOPPED, "return (('x'):rep(8 << 20):gsub('.', pcall))"},
    {"gsub_grows", REFUSED, "return (('x'):rep(1 << 20):gsub('.', ('y'):rep(1 << 20)))"},
    {"gsub_captures_grow", REFUSED, "return (('x'):rep(1 << 20):gsub('.+', ('%0'):rep(1000)))"},
    {"gsub_empty_replacements", STOPPED, "while true do local s = ('x'):rep(1 << 20):gsub('', '') end"},
    {"plain_8_mb_in_4_mb", "null", "return (('a'):rep(8 << 20):find(('a'):rep(4 << 20) .. 'b', 1, true))"},
    {"balance_4_m", STOPPED, "return ('('):rep(4 << 20):find('%b()')"},
    {"back_reference", STOPPED, "return ('a'):rep(1 << 20):find('(.+)%1b')"},
    {"frontier", STOPPED, "while true do ('a'):rep(1 << 20):find('%f[b]') end"},
    {"gmatch_lazy", STOPPED, "for w in ('a'):rep(1 << 20):gmatch('.-b') do end"},
    {"format_q_16_mb", REFUSED, "return #string.format('%q', ('\\0'):rep(15 << 20))"},
    {"format_many", REFUSED, "return #string.format(('%99.99f'):rep(100000), 1)"},
    {"lower_in_a_loop", STOPPED, "local s = ('X'):rep(15 << 20) while true do s:lower() end"},
    {"pack_2_gb", REFUSED, "return #string.pack('c2147483647', 'x')"},
    {"unpack_many", REFUSED, "return string.unpack(('b'):rep(2000000), ('x'):rep(2000000))"},
    {"packsize_16_mb", "16777216", "return tostring(string.packsize(('b'):rep(16 << 20)))"},
    {"utf8_len_in_a_loop", STOPPED, "local s = ('\\u{4e2d}'):rep(5 << 20) while true do utf8.len(s) end"},
    {"utf8_char_of_many", REFUSED,
     "local t = {} for i = 1, 190000 do t[i] = 0x4e2d end while true do utf8.char(table.unpack(t)) end"},
    {"print_many", STOPPED, "local t = {} for i = 1, 190000 do t[i] = i end while true do print(table.unpack(t)) end"},
    {"traceback_through_many_names", "an error",
     "for i = 1, 150000 do string['k' .. i] = i end"
     " local function f(n) if n == 0 then error('an error') end f(n - 1) return n end f(30)"},
    {"utf8_codes", STOPPED,
     "local s = ('\\u{4e2d}'):rep(5 << 20) for _ in utf8.codes(s) do end for _ in utf8.codes(s) do end " LOOP},
    /* -- tables -- */
    {"concat_index_concat", REFUSED,
     "return table.concat(setmetatable({}, { __index = table.concat }), '', 1, math.maxinteger)"},
    {"concat_index_text", REFUSED,
     "return table.concat(setmetatable({}, { __index = function() return 'x' end }), '', 1, math.maxinteger)"},
    {"concat_empty_texts", STOPPED,
     "return table.concat(setmetatable({}, { __index = function() return '' end }), '', 1, math.maxinteger)"},
    {"move_2_60", STOPPED, "table.move({}, 1, 1 << 60, 2)"},
    {"move_down_2_60", STOPPED, "table.move({}, 2, 1 << 60, 1)"},
    {"insert_2_60", STOPPED, "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 'x')"},
    {"remove_2_60", STOPPED, "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)"},
    {"sort_rawequal", REFUSED,
     "table.sort(setmetatable({}, { __len = function() return (1 << 31) - 2 end }), rawequal)"},
    {"sort_rawequal_smaller", STOPPED,
     "table.sort(setmetatable({}, { __len = function() return 1 << 20 end }), rawequal)" LOOP},
    {"sort_always_true", "invalid order function",
     "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return true end)"},
    {"sort_huge_equal_texts", STOPPED,
     "local s, t = ('x'):rep(8 << 20), {} for i = 1, 100000 do t[i] = s end table.sort(t)"},
    {"sort_loops", STOPPED, "table.sort({ 1, 2, 3 }, " LOOPS ")"},
    {"sort_grows_its_list", REFUSED,
     "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a, b) t[#t + 1] = {} error('x') end)"},
    {"unpack_2_30", REFUSED, "return table.unpack({}, 1, 1 << 30)"},
    {"unpack_wraps", REFUSED, "return table.unpack({}, math.mininteger, math.maxinteger)"},
    {"ephemeron_chain", REFUSED, "setmetatable({}, { __mode = 'k' })"},
    {"ephemerons_set_later", REFUSED,
     "local m = {} local t = setmetatable({}, m) m.__mode = 'k' local last = {} t[last] = 1"
     " for i = 1, 60000 do local k = {} t[last] = k last = k end"},
    {"concat_moves_the_stack", REFUSED,
     "local function deep(n) if n > 0 then return 1 + deep(n - 1) end return 0 end"
     " local t = setmetatable({}, { __concat = function() deep(10000) return '' end }) local s = t .. 'x' return s"},
    {"weak_newindex", REFUSED, "setmetatable({}, setmetatable({ __newindex = {} , __mode = 'v' }, {}))"},
    {"next_over_holes", STOPPED,
     "local t = {} for i = 1, 500000 do t[i] = 1 end for i = 1, 500000 do t[i] = nil end while true do next(t) end"},
    /* -- stacks -- */
    {"recursion", REFUSED, "local function f() return 1 + f() end return f()"},
    {"gsub_recursion", REFUSED, "local function f() return (('a'):gsub('.', f)) end return f()"},
    {"sort_recursion", REFUSED, "local function f() table.sort({ 1, 2 }, f) end f()"},
    {"index_recursion", REFUSED,
     "local t = {} setmetatable(t, { __index = function(_, k) return t[k .. 'x'] end }) return t.a"},
    {"index_chain_3000", REFUSED,
     "local t = {} for i = 1, 3000 do t = setmetatable({}, { __index = t }) end return t.x"},
    {"parentheses", REFUSED, "local f, e = load('return ' .. ('('):rep(60000)) error(e, 0)"},
    {"blocks", REFUSED, "local f, e = load(('do '):rep(20000)) error(e, 0)"},
    {"locals", REFUSED, "local f, e = load(('local a '):rep(8000)) error(e, 0)"},
    {"constants_1_mb", REFUSED, "local f, e = load('return {' .. ('1.5,'):rep(250000) .. '}') error(e, 0)"},
    {"chain_of_fields", REFUSED, "local f, e = load('return a' .. ('.x'):rep(20000) .. ' + 1') error(e, 0)"},
    {"chain_with_comments", REFUSED,
     "local f, e = load('return a' .. (('.x'):rep(190) .. '--\\n'):rep(160) .. ' + 1') error(e, 0)"},
    {"chain_with_sums", REFUSED, "local f, e = load('return a' .. ('[k+0]'):rep(12000) .. ' + 1') error(e, 0)"},
    {"many_choices", REFUSED, "local f, e = load('local a return ' .. ('a or '):rep(13000) .. 'a') error(e, 0)"},
    {"nested_closes", REFUSED,
     "local function f() local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = f }) coroutine.yield() end)"
     " coroutine.resume(c) local ok, e = coroutine.close(c) if not ok then error(e, 0) end end f()"},
    {"wrap_in_wrap", REFUSED, "local function f() coroutine.wrap(f)() end f()"},
    {"wrap_of_itself", REFUSED, "local c c = coroutine.wrap(function() c() end) c()"},
    {"deep_180000", STOPPED, "local function f(n) if n > 0 then f(n - 1) return end while true do end end f(180000)"},
    {"deep_close_variables", STOPPED,
     "local m = { __close = function() end }"
     " local function f(n) local x <close> = setmetatable({}, m) if n > 0 then f(n - 1) else while true do end end end f(60000)"},
    /* -- ways out -- */
    {"bytecode", REFUSED, "local f, e = load('\\27Lua') error(e, 0)"},
    {"bytecode_mode", REFUSED, "local f, e = load('\\27Lua', 'x', 'b') error(e, 0)"},
    {"dump", "nil", "return type(string.dump)"},
    {"string_metatable", REFUSED, "getmetatable('').__index = nil"},
    {"os", "undefined name", "os.exit()"},
    {"io", "undefined name", "io.open('/etc/passwd')"},
    {"debug", "undefined name", "debug.sethook()"},
    {"package", "undefined name", "package.loadlib('x', 'y')"},
    {"require_path", REFUSED, "require('../x')"},
    {"require_foreign", REFUSED, "require('other.init')"},
    {"env_const", REFUSED, "local f, e = load('local _ENV <const> = 11; X = 1') f()"},
    {"global", REFUSED, "x = 1"},
    {"rawset_global", REFUSED, "rawset(_G, 'x', 1) return x + nil"},
    {"format_p", REFUSED, "return string.format('%p', {})"},
    {"addresses", "table function thread\"",
     "return tostring({}) .. ' ' .. string.format('%s', print) .. ' ' .. tostring(coroutine.create(print))"},
    {"error_object_tostring_loops", REFUSED, "error(setmetatable({}, { __tostring = " LOOPS " }))"},
    {"error_15_mb", REFUSED, "error(('x'):rep(15 << 20))"},
    {"memory_in_a_handler", STOPPED,
     "xpcall(error, function() local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end end)" SURVIVED},
    {"memory_caught_in_a_loop", STOPPED,
     "while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end"},
    {"array_of_nothing", STOPPED, "local t = {} for i = 1, 1e9 do t[i] = false end"},
    {"pack_of_packs", REFUSED, "local t = {} while true do t = table.pack(t, table.unpack(t)) end"},
    {"cyclic_answer", REFUSED, "local t = {} t[1] = t return t"},
    {"deep_answer", REFUSED, "local t = {} for i = 1, 100 do t = { t } end return t"},
    {"answer_in_many_places", REFUSED, "local t = {} for i = 1, 28 do t = { t, t, t, t } end return t"},
    {"json_in_many_places", REFUSED,
     "local t = {} for i = 1, 28 do t = { t, t, t, t } end return muster.json.encode(t)"},
    {"json_keys_in_many_places", REFUSED,
     "local t = { a = 1 } for i = 1, 28 do t = { a = t, b = t, c = t } end return muster.json.encode(t)"},
    {"json_4_m_values", REFUSED, "return muster.json.decode('[' .. ('1,'):rep(3999999) .. '1]')"},
    {"json_4_m_brackets", REFUSED, "return muster.json.decode(('['):rep(4000000))"},
    {"answer_with_pairs", "[1]",
     "return setmetatable({ 1 }, { __pairs = " LOOPS ", __index = " LOOPS ", __len = " LOOPS " })"},
    {"callee_uses_its_time", "TIMEOUT",
     "local ok, e = pcall(call.invoke, call, 'other.loop') assert(not ok) return e.code"},
    {"callee_uses_our_time", STOPPED, "pcall(call.invoke, call, 'other.long')" SURVIVED},
    {"callee_uses_its_memory", "LIMIT",
     "local ok, e = pcall(call.invoke, call, 'other.grow') assert(not ok) return e.code"},
    {"sql_for_ever", STOPPED,
     "pcall(call.db.value, call.db, 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n')" SURVIVED},
    {"sql_queue_of_texts", STOPPED,
     "return call.db:value('WITH RECURSIVE n(i, t) AS (SELECT 1, ? UNION ALL SELECT i + 1, t FROM n UNION ALL SELECT i + 1, t FROM n)"
     " SELECT count(*) FROM n', ('a'):rep(1000000))"},
    {"sql_queue_of_numbers", STOPPED,
     "return call.db:value('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n')"},
    {"sql_sorts_for_ever", STOPPED,
     "return call.db:value('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT i FROM n ORDER BY i % 1000, i')"},
    {"sql_doubling_names", STOPPED, DOUBLING "return call.db:value(sql .. ' SELECT count(*) FROM a20')"},
    {"sql_doubling_joins", STOPPED,
     DOUBLING "return call.db:value(sql .. ' SELECT count(*) FROM a15 AS p, a16 AS q, a17 AS r, a18 AS s')"},
    {"sql_doubling_in_a_loop", STOPPED,
     DOUBLING "for i = 1, 1000 do call.db:value(sql .. ' SELECT ' .. i .. ' FROM a9') end " LOOP},
    {"sql_arms", REFUSED, "return call.db:value('SELECT 1' .. (' UNION ALL SELECT 1'):rep(4000))"},
    {"sql_nested", REFUSED,
     "return call.db:value(('SELECT * FROM ('):rep(2000) .. 'SELECT 1 AS x' .. (') AS q'):rep(2000))"},
    {"sql_joins_100_queries", REFUSED,
     "return call.db:value('SELECT count(*) FROM (SELECT 1 AS x) AS q0' .. (', (SELECT id FROM demo_item) AS q'):rep(100))"},
    {"sql_joins_60_tables", REFUSED,
     "local t, w = {}, {} for i = 1, 60 do t[i] = 'demo_item AS q' .. i w[i] = 'q' .. i .. '.id + 0 = q' .. (i % 60 + 1) .. '.id' end"
     " call.db:value('SELECT count(*) FROM ' .. table.concat(t, ', ') .. ' WHERE ' .. table.concat(w, ' AND ')) " LOOP},
    {"sql_3000_columns", REFUSED, "return call.db:row('SELECT 1' .. (', 1'):rep(3000))"},
    {"sql_conditions", REFUSED,
     "return call.db:value('SELECT 1 FROM demo_item WHERE id = 1' .. (' OR (id = 2 AND id = 3)'):rep(1800)) .. nil"},
    {"sql_100_texts", REFUSED,
     "local t, p = ('\\u{4e2d}'):rep(5 << 20), {} for i = 1, 100 do p[i] = t end"
     " return call.db:value('SELECT length(?)' .. (' + length(?)'):rep(99), table.unpack(p))"},
    {"sql_100_texts_of_1_mb", REFUSED,
     "local t, p = ('\\u{4e2d}'):rep(349525), {} for i = 1, 100 do p[i] = t end"
     " return call.db:value('SELECT length(?)' .. (' + length(?)'):rep(99), table.unpack(p))"},
    {"sql_grows", REFUSED,
     "local t = ('a'):rep(1 << 20) return #call.db:value('SELECT ' .. ('replace('):rep(8) .. '?' .. (', ?, ?)'):rep(8), t,"
     " 'a', t, 'a', t, 'a', t, 'a', t, 'a', t, 'a', t, 'a', t, 'a', t)"},
    {"sql_replace", "1048576",
     "return call.db:value('SELECT length(replace(?, ?, ?))', ('a'):rep(1 << 20), ('a'):rep(1 << 19) .. 'b', 'c')"},
    {"sql_trim", REFUSED,
     "return call.db:value('SELECT trim(?, ?)', ('a'):rep(1 << 20), ('b'):rep((1 << 20) - 1) .. 'a')"},
    {"sql_like", STOPPED, "return call.db:value('SELECT ? LIKE ?', ('a'):rep(1 << 20), '%' .. ('a'):rep(990) .. 'b')"},
    {"sql_like_one", STOPPED,
     "return call.db:value('SELECT ? LIKE ?', ('a'):rep(1 << 20), ('%_a'):rep(300) .. '%' .. ('_a'):rep(40) .. 'b')"},
    {"sql_sums_of_1_mb", "sql.toobig", ROW(2, "t") "return call.db:value(sql, ('1'):rep(1 << 20), '')"},
    {"sql_likes", STOPPED,
     ROW(6, "(t LIKE p)") "while true do call.db:value(sql, ('a'):rep(8000), '%' .. ('a'):rep(900) .. 'b') end"},
    {"sql_replaces", STOPPED,
     ROW(12, "length(replace(t, p, p))") "while true do call.db:value(sql, ('ab'):rep(4000), 'a') end"},
    {"sql_trims", STOPPED,
     ROW(10, "length(trim(t, p))") "while true do call.db:value(sql, ('a'):rep(8000), ('b'):rep(63) .. 'a') end"},
    {"sql_uppers", STOPPED, ROW(8, "length(upper(t))") "while true do call.db:value(sql, ('a'):rep(8000), '') end"},
    {"sql_lengths", STOPPED, ROW(5, "length(t)") "while true do call.db:value(sql, ('\\u{4e2d}'):rep(2500), '') end"},
    {"sql_sums", STOPPED, ROW(2, "t") "while true do call.db:value(sql, ('1'):rep(8000), '') end"},
    {"sql_casts", STOPPED, ROW(7, "CAST(t AS INTEGER)") "while true do call.db:value(sql, ('1'):rep(8000), '') end"},
    {"sql_rounds", STOPPED, ROW(5, "round(t)") "while true do call.db:value(sql, ('1'):rep(8000), '') end"},
    {"sql_compares", STOPPED,
     ROW(6, "(t = p)") "while true do call.db:value(sql, ('1'):rep(8000), ('1'):rep(8000)) end"},
    {"sql_joins_texts", STOPPED,
     ROW(7, "length(t || p)") "while true do call.db:value(sql, ('1'):rep(4000), ('1'):rep(4000)) end"},
    {"sql_pieces", STOPPED,
     ROW(12, "length(substr(t, 2499, 1))") "while true do call.db:value(sql, ('\\u{4e2d}'):rep(2500), '') end"},
    {"sql_groups_texts", REFUSED,
     "return #call.db:rows('WITH RECURSIVE n(i, t) AS (SELECT 1, ? UNION ALL SELECT i + 1, t FROM n WHERE i < 100000)"
     " SELECT i, max(t) FROM n GROUP BY t || i ORDER BY t || i', ('a'):rep(100000))"},
    {"sql_windows_texts", REFUSED,
     "return #call.db:rows('WITH RECURSIVE n(i, t) AS (SELECT 1, ? UNION ALL SELECT i + 1, t FROM n WHERE i < 100000)"
     " SELECT i, max(t || i) OVER (ORDER BY i ROWS BETWEEN 1000 PRECEDING AND 1000 FOLLOWING) FROM n', ('a'):rep(100000))"},
    {"nfc_marks", "text.marks", "return call:nfc('a' .. ('\\u{301}\\u{316}'):rep(200000))"},
    {"nfc_15_mb", "text.size", "return call:nfc(('\\u{4e2d}'):rep(5 << 20))"},
    {"nfc_in_a_loop", STOPPED,
     "local s = ('a' .. ('\\u{301}\\u{316}'):rep(15)):rep(17000) while true do call:nfc(s) end"},
    {"sql_attach", REFUSED, "call.db:run(\"ATTACH 'x' AS y\")"},
    {"sql_pragma", REFUSED, "call.db:run('PRAGMA journal_mode = DELETE')"},
    {"sql_foreign", REFUSED, "return call.db:rows('SELECT * FROM other_item')"},
    {"sql_host", REFUSED, "return call.db:rows('SELECT * FROM muster_user')"},
    {"spoilt_libraries", "spoilt",
     "string.rep = nil string.format = nil table.insert = nil math.floor = nil return 'spoilt'"},
};

/* Attacks that are to be stopped by something else than time, or that call somebody who is, get more of it. */
static int limit_of(const struct attack *a)
{
    bool short_one = strcmp(a->expect, STOPPED) == 0 || strcmp(a->expect, REFUSED) == 0;
    return short_one ? TIME_MS : 10000;
}

static void write_plugins(void)
{
    struct buf init = {0};
    buf_text(&init, "local f = {}\n");
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        buf_fmt(&init,
                "f['demo.%s'] = { mode = 'write', args = {}, returns = 'any', timeout_ms = %d, summary = 'T.', run = "
                "function(call) %s end }\n",
                attacks[i].name, limit_of(&attacks[i]), attacks[i].body);
    buf_text(&init,
             "f['demo.alive'] = { mode = 'read', args = {}, returns = 'any', summary = 'T.', run = function(call)"
             " return { call.user, call.db:value('SELECT count(*) FROM demo_item') } end }\n"
             "return { commands = f }");
    world_plugin(&world, "demo", "", buf_cstr(&init));
    buf_close(&init);
    put_file(world.dir, "plugins/demo/migrations/001_item.sql",
             "CREATE TABLE demo_item (id INTEGER PRIMARY KEY, name TEXT) STRICT;");
    world_plugin(
        &world, "other", "",
        "local function c(ms, run) return { mode = 'read', args = {}, returns = 'any', timeout_ms = ms, summary = 'T.', run = run } end\n"
        "return { commands = {\n"
        " ['other.loop'] = c(40, " LOOPS "), ['other.long'] = c(10000, " LOOPS "),\n"
        " ['other.grow'] = c(10000, function() local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end end),\n"
        " ['other.whole'] = c(1000, function() local t = {} table.insert(t, string.format('%d', math.floor(1.5))) return ('x'):rep(2) .. t[1] end),\n"
        "} }");
    put_file(world.dir, "plugins/other/migrations/001_item.sql",
             "CREATE TABLE other_item (id INTEGER PRIMARY KEY) STRICT;");
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    world.limits.soft_bytes = SOFT_BYTES;
    write_plugins();
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static bool is_expected(const struct attack *a, const char *reply)
{
    if (strcmp(a->expect, STOPPED) == 0)
        return world.err.code != 0 && strncmp(world.err.rule, "limit.", 6) == 0;
    if (strcmp(a->expect, REFUSED) == 0)
        return world.err.code != 0;
    return strstr(reply, a->expect) != NULL;
}

/* One attack, then an ordinary command. True when both went as they should. */
static bool survives(const struct attack *a, int *ms)
{
    char name[80];
    snprintf(name, sizeof(name), "demo.%s", a->name);
    uint64_t from = clock_mono_ns();
    const char *reply = world_ask(&world, name, NULL, NULL, NULL);
    *ms = (int)((clock_mono_ns() - from) / 1000000);
    bool good = is_expected(a, reply) && *ms < CEILING_MS && !strstr(reply, "survived");
    printf("%-34s %5d ms  %.60s\n", a->name, *ms, reply);
    if (!good)
        print_error("%s: %.200s\n", name, reply);
    reply = world_ask(&world, "demo.alive", NULL, NULL, NULL);
    if (strcmp(reply, "[\"wang\",0]") == 0)
        return good;
    print_error("after %s: %.200s\n", name, reply);
    return false;
}

/* Each attack ends, leaves no row behind, and the next command works. */
static void every_attack_ends(void **state)
{
    (void)state;
    world_start(&world, NULL);
    int failed = 0, longest = 0, ms;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        failed += !survives(&attacks[i], &ms);
        if (ms > longest && limit_of(&attacks[i]) == TIME_MS)
            longest = ms;
    }
    printf("%zu attacks, the longest took %d ms of %d\n", sizeof(attacks) / sizeof(attacks[0]), longest, TIME_MS);
    assert_int_equal(failed, 0);
}

/* A plugin that spoils its libraries spoils its own state only. */
static void libraries_belong_to_one_plugin(void **state)
{
    (void)state;
    world_start(&world, NULL);
    assert_string_equal(world_ask(&world, "demo.spoilt_libraries", NULL, NULL, NULL), "\"spoilt\"");
    assert_string_equal(world_ask(&world, "other.whole", NULL, NULL, NULL), "\"xx1\"");
}

/* On a lane's stack. */
static void *go_down(void *found)
{
    world_start(&world, NULL);
    *(bool *)found = strstr(world_ask(&world, "deep0.go", NULL, NULL, NULL), "bottom") != NULL;
    return NULL;
}

/* Each state may nest its 200 calls of C, and one plugin calls the next: all of it is on one stack. */
static void plugins_that_recurse_below_each_other_have_room(void **state)
{
    (void)state;
    enum { PLUGINS = 14 };
    for (int i = 0; i < PLUGINS; i++) {
        const bool last = i + 1 == PLUGINS;
        char name[16], manifest[60], below[60], init[700];
        snprintf(name, sizeof(name), "deep%d", i);
        snprintf(manifest, sizeof(manifest), last ? "requires = {}" : "requires = { 'deep%d' }", i + 1);
        snprintf(below, sizeof(below), last ? "'bottom'" : "call:invoke('deep%d.go', {})", i + 1);
        snprintf(
            init, sizeof(init),
            "local function down(call, n)\n"
            " if n > 0 then return (('a'):gsub('.', function() return down(call, n - 1) end)) end\n"
            " return %s end\n"
            "return { commands = { ['deep%d.go'] = { mode = 'read', args = {}, returns = 'any', timeout_ms = 20000, "
            "summary = 'T.', run = function(call) return down(call, 185) end } } }",
            below, i);
        world_plugin(&world, name, manifest, init);
    }
    bool found = false;
    pthread_t lane;
    assert_int_equal(thread_start(&lane, "lane", go_down, &found), 0);
    pthread_join(lane, NULL);
    assert_true(found);
}

/* The counters say what became of the runs. */
static void runs_are_counted(void **state)
{
    (void)state;
    world_start(&world, NULL);
    const struct plugin *const *plugins;
    const struct plugin_counters *c = NULL;
    for (int i = 0; i < registry_plugins(world.registry, &plugins); i++)
        if (strcmp(plugins[i]->name, "demo") == 0)
            c = plugins[i]->counters;
    assert_non_null(c);
    world_ask(&world, "demo.loop", NULL, NULL, NULL);
    world_ask(&world, "demo.strings_into_a_table", NULL, NULL, NULL);
    world_ask(&world, "demo.global", NULL, NULL, NULL);
    world_ask(&world, "demo.alive", NULL, NULL, NULL);
    assert_int_equal(c->calls, 4);
    assert_int_equal(c->killed_time, 1);
    assert_int_equal(c->killed_memory, 1);
    assert_int_equal(c->faults, 1);
    assert_int_equal(c->refused, 0);
    assert_true(c->run_us >= TIME_MS * 1000);
    assert_true(c->memory_peak > SOFT_BYTES && c->memory_peak <= 3 * SOFT_BYTES);
}

/* A command that calls another one of its own plugin, which is stopped: both end, for they share a state; but the refusal
 * names the one whose limit it was, and that one is suspended. */
static void a_run_inside_is_blamed_for_its_own_limit(void **state)
{
    (void)state;
    world_plugin(
        &world, "own", "",
        "local function c(ms, run) return { mode = 'read', args = {}, returns = 'any', timeout_ms = ms, summary = 'T.', run = run } end\n"
        "return { commands = {\n"
        " ['own.inner'] = c(40, function() while true do end end),\n"
        " ['own.outer'] = c(10000, function(call) pcall(call.invoke, call, 'own.inner') return 1 end),\n"
        "} }");
    world.limits.suspend = true;
    world_start(&world, NULL);
    for (int i = 0; i < 4; i++) {
        const char *reply = world_ask(&world, "own.outer", NULL, NULL, NULL);
        if (i < 3) {
            assert_string_equal(world.err.rule, "limit.time");
            assert_non_null(strstr(reply, "own.inner: stopped after its limit of 40 ms"));
        }
    }
    assert_string_not_equal(world.err.rule, "limit.suspended"); /* it caught that the inner one is */
    world_ask(&world, "own.inner", NULL, NULL, NULL);
    assert_string_equal(world.err.rule, "limit.suspended");
}

/* Where it was asked for: the fourth time within ten minutes the command is not run, others are. */
static void a_command_stopped_three_times_is_suspended(void **state)
{
    (void)state;
    world.limits.suspend = true;
    world_start(&world, NULL);
    for (int i = 0; i < 3; i++) {
        world_ask(&world, "demo.goto_loop", NULL, NULL, NULL);
        assert_string_equal(world.err.rule, "limit.time");
    }
    const char *reply = world_ask(&world, "demo.goto_loop", NULL, NULL, NULL);
    assert_string_equal(world.err.rule, "limit.suspended");
    assert_int_equal(world.err.code, ERR_STATE);
    assert_non_null(strstr(reply, "3 times within 10 minutes"));
    world_ask(&world, "demo.loop", NULL, NULL, NULL);
    assert_string_equal(world.err.rule, "limit.time");
    assert_string_equal(world_ask(&world, "demo.alive", NULL, NULL, NULL), "[\"wang\",0]");
}

/* -- what nothing can stop -- */

/* Run one command of a plugin in a process of its own, with notes in the world's folder. Its status, and the note. */
static int run_apart(const char *body, struct quarantine_entry *note)
{
    char init[1000], notes[200];
    snprintf(notes, sizeof(notes), "%s/quarantine", world.dir);
    snprintf(init, sizeof(init),
             "return { commands = { ['demo.flood'] = { mode = 'read', args = {}, returns = 'any', timeout_ms = 2000, "
             "summary = 'T.', run = function() %s end } } }",
             body);
    world_plugin(&world, "demo", "", init);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err err = {0};
        alarm(60);
        world.limits.grace_ms = 50;
        if (quarantine_start(notes, &err) == 0) {
            world_start(&world, NULL);
            world_ask(&world, "demo.flood", NULL, NULL, NULL);
        }
        _exit(0);
    }
    int status = 0, count = 0;
    struct quarantine_entry *entries = NULL;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(quarantine_read(notes, &entries, &count, &world.err), 0);
    assert_true(count <= 1);
    *note = count ? entries[0] : (struct quarantine_entry){0};
    free(entries);
    return status;
}

static void check_flood(const char *body)
{
    struct quarantine_entry note;
    int status = run_apart(body, &note);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_string_equal(note.plugin, "demo");
    assert_string_equal(note.command, "demo.flood");
    assert_non_null(strstr(note.reason, "could not be stopped"));
    assert_true(llabs(clock_now_ms() - note.at_ms) < 120000);
}

/* Integer keys that fall into one chain: the insertion that makes the table grow takes many seconds. The process writes
 * the note and ends. */
static void a_flood_of_integer_keys_ends_the_process(void **state)
{
    (void)state;
    check_flood("local t, m = {}, (1 << 18) - 1 for i = 1, 131074 do t[i * m] = 1 end");
}

/* The same with fractions: their hash is the exponent plus 31 bits of the mantissa, so it can be chosen as well. */
static void a_flood_of_float_keys_ends_the_process(void **state)
{
    (void)state;
    check_flood("local t, m = {}, (1 << 18) - 1 for e = 1, 40 do for k = 4097, 8190 do"
                " t[2.0 ^ -e * ((k * m + e) / 2147483648.0)] = 1 end end");
}

int main(void)
{
    if (signals_are_late()) {
        printf("skipped: the thread sanitizer delays signals\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(a_flood_of_integer_keys_ends_the_process), /* these fork, so no thread may run yet */
        TEST(a_flood_of_float_keys_ends_the_process),
        TEST(every_attack_ends),
        TEST(libraries_belong_to_one_plugin),
        TEST(plugins_that_recurse_below_each_other_have_room),
        TEST(a_run_inside_is_blamed_for_its_own_limit),
        TEST(runs_are_counted),
        TEST(a_command_stopped_three_times_is_suspended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
