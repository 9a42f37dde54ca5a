--- What play.sh runs beside a fresh server: every function of the global `muster`, checked against what it promises.
local checks = 0

local function same(got, want, what)
  checks = checks + 1
  if got ~= want then error(("%s: %s, not %s"):format(what, tostring(got), tostring(want)), 2) end
end

local function raises(f, ...)
  local ok, err = pcall(f, ...)
  same(ok, false, "an error was expected")
  return err
end

local conn = muster.connect({ name = "play-test" })
same(conn:hello().proto, 3, "protocol")

-- Values there and back.
same(conn:call("echo.say", { "hello" }), "hello", "positional")
same(conn:call("echo.say", { text = "你好 = \n\"x\"" }), "你好 = \n\"x\"", "named, with everything in it")
same(conn:call("echo.say", { 12 }), "12", "an integer")
same(conn:call("echo.say", { true }), "true", "a boolean")
local tree = { b = { 1, 2.5, muster.null }, a = "x" }
same(conn:call("echo.say", { tree }), '{"a":"x","b":[1,2.5,null]}', "a table goes as JSON")
same(conn:call("echo.say", { text = muster.null }), "PONG", "null leaves an argument out")
same(conn:words({ "ECHO", "a=b" }), "a=b", "exact words")

-- Errors are tables with words for people.
local err = raises(conn.call, conn, "notes.delete", { id = 4711 })
same(err.code, "NOTFOUND", "code")
same(err.rule, "notes.unknown", "rule")
same(err.retry, false, "retry")
same(err.connection, false, "connection")
same(tostring(err):match("^NOTFOUND notes.unknown: ") ~= nil, true, "tostring")
local value, why = conn:try("notes.delete", { id = 4711 })
same(value, nil, "try gives nil")
same(why.code, "NOTFOUND", "try gives the error")
conn:call("org.unit.add", { code = "YL", name = "玉林", kind = "county", on = "2020-01-01" })
why = select(2, conn:try("org.unit.reopen", { unit = "YL" }))
same(why.rule, "org.unit_open", "what was broken")
same(why.state, "open", "the present state")
same(why.allowed, "org.unit.close", "what is possible instead")
same(why.text:find("[", 1, true), nil, "the details are not in the text too")
same(raises(conn.call, conn, "echo.say", { print }).code, "ARG", "a function is no argument")
same(raises(conn.call, conn, "echo.say", { [2] = "x" }).code, "ARG", "a hole in the positional ones")
same(raises(conn.call, conn, "echo.say", { 0 / 0 }).code, "ARG", "not a number")
local deep = {}
for _ = 1, 50 do deep = { deep } end
same(raises(conn.call, conn, "echo.say", { deep }).code, "ARG", "nested too deep")

-- Replayed writes say so.
local id, meta = conn:call("notes.add", { text = "one", idem = "play-1" })
same(math.type(id), "integer", "integers are integers")
same(meta.replayed, false, "first time")
same(conn:call("notes.add", { text = "one", idem = "play-1" }), id, "the same reply again")
local rows = conn:call("notes.list")
same(#rows, 1, "an array")
same(rows[1].text, "one", "of maps")
same(conn:call("notes.delete", { id = id }), nil, "null is nil")

-- Pipelining: in order, errors in their place; a call in between would take a reply that is not its own.
conn:send("echo.say", { "a" })
conn:send("notes.delete", { id = 4711 })
conn:queue({ "ECHO", "c" })
same(raises(conn.call, conn, "echo.say").rule, "connection.pending", "call while replies wait")
conn:flush()
same(conn:recv(), "a", "first")
same(select(2, conn:recv()).code, "NOTFOUND", "second")
same(conn:recv(), "c", "third")
conn:raw("*2\r\n$4\r\nECHO\r\n$1\r\nr\r\n")
same(conn:read_raw(), "$1\r\nr\r\n", "raw bytes")

-- RESP2: maps are flat.
local old = muster.connect({ proto = 2 })
same(old:hello()[1], "server", "a flat map")
old:close()
same(raises(old.call, old, "echo.say").rule, "connection.closed", "a closed connection")
local half = muster.connect()
half:send("echo.say", { "last words" })
half:half_close()
same(half:recv(), "last words", "a half-closed connection still answers")
same(select(2, half:recv()).rule, "connection.closed", "then it ends")

-- Nobody: without certificate, or with a wrong password.
local nobody = muster.connect({ cert = false })
same(raises(nobody.call, nobody, "notes.count").code, "NOAUTH", "not signed in")
same(raises(muster.connect, { user = "x", password = "y" }).code, "WRONGPASS", "wrong password")
same(raises(muster.connect, { port = 1 }).code, "IO", "no server")

-- each: every job once, lanes in order, a refusal is only a reply.
local conns = {}
for i = 1, 3 do conns[i] = muster.connect() end
local jobs = {}
for i = 1, 300 do jobs[i] = { "echo.say", { i }, lane = i % 2 == 0 and "lane" .. i % 7 or nil } end
jobs[150] = { "notes.delete", { id = 4711 } }
local seen, last, refused = 0, {}, 0
local count = muster.each(conns, jobs, {
  window = 5,
  progress = muster.progress("each", #jobs),
  on_reply = function(i, reply, problem)
    seen = seen + 1
    if problem then
      refused = refused + 1
      same(i, 150, "the refused job")
    else
      same(reply, tostring(i), "the reply of job " .. i)
    end
    local lane = jobs[i].lane
    if lane then
      same((last[lane] or 0) < i, true, "the order of " .. lane)
      last[lane] = i
    end
  end,
})
same(count, 300, "each counts")
same(seen, 300, "on_reply")
same(refused, 1, "refusals")
same(muster.each(conns, {}), 0, "nothing to do")
local stopped = raises(muster.each, conns, { { "echo.say" } }, { on_reply = function() error("stop") end })
same(tostring(stopped):find("stop") ~= nil, true, "an error in on_reply")
conns[1]:close()
same(raises(muster.each, conns, { { "echo.say" } }).rule, "connection.closed", "a closed connection among them")

-- JSON, files, clocks, words.
local text = '{"a":[1,null,{}],"b":1.5,"c":"\\u4f60","d":[]}'
same(muster.json.encode(muster.json.decode(text)), '{"a":[1,null,{}],"b":1.5,"c":"你","d":[]}', "JSON there and back")
same(muster.json.encode({}), "[]", "an empty table")
same(muster.json.encode(muster.json.object({})), "{}", "an empty object")
same(tostring(raises(muster.json.encode, { 1, a = 2 })):find("not both") ~= nil, true, "a mixed table")
raises(muster.json.decode, "{")
raises(muster.read_file, "/nonexistent")
same(#muster.read_file(arg[0]) > 1000, true, "read_file")
same(muster.width("永乐店x"), 7, "width")
same(table.concat(muster.split([[a "b c" d='e f']]), "|"), "a|b c|d=e f", "split")
same((muster.split('"open')), nil, "split refuses")
local t0, c0 = muster.now(), muster.clock()
muster.sleep(20)
same(muster.now() >= t0, true, "now")
same(muster.clock() - c0 >= 0.019, true, "sleep and clock")
same(math.abs(t0 / 1000 - os.time()) < 5, true, "now is ms UTC")
same(muster.options.port, tonumber(os.getenv("MUSTER_PORT")), "options.port")
same(muster.options.data, os.getenv("MUSTER_DATA"), "options.data")
same(table.concat(muster.args, "|"), "one|--two=3", "args")
same(select("#", ...), 2, "the chunk's arguments")
same(require("play_module").answer, 42, "require beside the script")

-- Sockets without TLS: the server closes on what is no handshake.
local tcp = muster.connect_tcp({})
same(tcp:send_raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), true, "send_raw")
local bytes, ended
repeat bytes, ended = tcp:read_raw(8000) until not bytes
same(ended, "closed", "the server closes")
tcp:close()

muster.print_table({ "名称", "n" }, { { "永乐店镇", 1 }, { "x", 22 }, { muster.null, 333 } })
print(("%d checks"):format(checks))
muster.exit(7)
