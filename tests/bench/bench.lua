--- Muster and Redis side by side: see README.md. Started by run.sh, which gives the environment.

local env = setmetatable({}, { __index = function(_, name) return assert(os.getenv(name), name .. " is not set") end })
local data = env.BENCH_DIR .. "/data"
local KEYS = 100000

local option = { seconds = 3, rounds = 3, only = ".", connections = "1,50,200", pipeline = "1,16" }
for _, word in ipairs(muster.args) do
  local name, value = word:match("^%-%-(%w+)=(.+)$")
  if not name or option[name] == nil then
    io.stderr:write("bench: unknown option ", word, " (known: --seconds=N --rounds=N --only=PATTERN --connections=1,50,200 --pipeline=1,16)\n")
    muster.exit(2)
  end
  option[name] = math.tointeger(value) or value
end

local function numbers(text)
  local list = {}
  for n in tostring(text):gmatch("%d+") do list[#list + 1] = math.tointeger(n) end
  return list
end

local function shell_quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function redis_cli(...)
  local words = {}
  for i, word in ipairs({ ... }) do words[i] = shell_quote(word) end
  local pipe = assert(io.popen(("redis-cli --tls --cacert %s/ca.pem -p %s %s"):format(data, env.REDIS_PORT, table.concat(words, " "))))
  local reply = pipe:read("a"):gsub("\n$", "")
  pipe:close()
  return reply
end

-- The scripts Redis runs: the same reads and writes as the plugin's commands, with what Muster adds to each write (the idempotency
-- key with its reply, an audit row), and, as "lean", without.
local scripts = {
  append = [[local seen = redis.call('HGET', 'done', ARGV[1]) if seen then return seen end
    redis.call('GET', 'kv' .. ARGV[2]) local id = redis.call('RPUSH', 'log', ARGV[3])
    redis.call('RPUSH', 'audit', ARGV[1] .. ' bench.append ' .. ARGV[2] .. ' ' .. ARGV[3])
    redis.call('HSET', 'done', ARGV[1], id) return id]],
  append_lean = [[redis.call('GET', 'kv' .. ARGV[1]) return redis.call('RPUSH', 'log', ARGV[2])]],
  put = [[local seen = redis.call('HGET', 'done', ARGV[1]) if seen then return seen end
    local old = redis.call('GET', 'kv' .. ARGV[2]) redis.call('SET', 'kv' .. ARGV[2], ARGV[3])
    redis.call('RPUSH', 'audit', ARGV[1] .. ' bench.put ' .. ARGV[2] .. ' ' .. ARGV[3])
    redis.call('HSET', 'done', ARGV[1], #old) return #old]],
  put_lean = [[local old = redis.call('GET', 'kv' .. ARGV[1]) redis.call('SET', 'kv' .. ARGV[1], ARGV[2]) return #old]],
  get = [[return redis.call('GET', 'kv' .. ARGV[1])]],
  fill = [[for i = 0, tonumber(ARGV[1]) - 1 do redis.call('SET', 'kv' .. i, ARGV[2]) end]],
}
local sha = setmetatable({}, { __index = function(t, name)
  t[name] = redis_cli("SCRIPT", "LOAD", scripts[name])
  return t[name]
end })

local key, value = ("{key:%d}"):format(KEYS), "{value:100}"
local works = {
  { name = "append", peers = {
    { "muster", { "bench.append", "key=" .. key, "text=" .. value, "idem={unique}" } },
    { "redis", { "EVALSHA", sha.append, "0", "{unique}", key, value } },
    { "redis lean", { "EVALSHA", sha.append_lean, "0", key, value } } } },
  { name = "random write", peers = {
    { "muster", { "bench.put", "key=" .. key, "value=" .. value, "idem={unique}" } },
    { "redis", { "EVALSHA", sha.put, "0", "{unique}", key, value } },
    { "redis lean", { "EVALSHA", sha.put_lean, "0", key, value } } } },
  { name = "read", peers = {
    { "muster", { "bench.get", "key=" .. key } },
    { "redis", { "EVALSHA", sha.get, "0", key } } } },
  { name = "ping", peers = { { "muster", { "PING" } }, { "redis", { "PING" } } } },
}

--- CPU time a process has used, in seconds (user and system; clock ticks are 1/100 s on Linux).
local function cpu_seconds(pid)
  local file = assert(io.open("/proc/" .. pid .. "/stat"))
  local rest = file:read("a"):match("%) (.*)$")
  file:close()
  local fields = {}
  for word in rest:gmatch("%S+") do fields[#fields + 1] = word end
  return (tonumber(fields[12]) + tonumber(fields[13])) / 100
end

local admin = muster.connect {}

--- Commits and pages written so far, from INFO.
local function counters()
  local info = admin:words { "INFO", "lanes" }
  return { commits = tonumber(info:match("\ncommits:(%d+)")), pages = tonumber(info:match("\npages_written:(%d+)")) }
end

local function run_load(peer, words, connections, pipeline)
  local on_muster = peer == "muster"
  local pid = on_muster and env.MUSTER_PID or env.REDIS_PID
  local command = { env.LOAD, "-p", on_muster and env.MUSTER_PORT or env.REDIS_PORT, "-c", connections, "-P", pipeline, "-s", option.seconds,
    "-w", 0.5, "-C", data .. "/ca.pem", "-E", data .. "/admin.pem", "-K", data .. "/admin.key" }
  for i, word in ipairs(command) do command[i] = shell_quote(tostring(word)) end
  for _, word in ipairs(words) do command[#command + 1] = shell_quote(word) end
  local pipe = assert(io.popen(table.concat(command, " ")))
  if pipe:read("l") ~= "go" then error("the load generator did not start") end
  local cpu, before = cpu_seconds(pid), on_muster and counters()
  local line = pipe:read("l")
  local result = muster.json.decode(line)
  result.cpu_us = (cpu_seconds(pid) - cpu) * 1e6 / math.max(result.replies, 1)
  if on_muster then
    local after = counters()
    result.per_commit = result.replies / math.max(after.commits - before.commits, 1)
    result.pages = after.pages - before.pages
  end
  pipe:close()
  if result.errors > 0 then error(peer .. " refused: " .. result.first_error) end
  return result
end

local function median(list, field)
  local sorted = {}
  for i, result in ipairs(list) do sorted[i] = result[field] or 0 end
  table.sort(sorted)
  return sorted[(#sorted + 1) // 2]
end

local function fill()
  redis_cli("EVAL", scripts.fill, "0", tostring(KEYS), ("x"):rep(100))
  for first = 0, KEYS - 1, 2000 do admin:call("bench.fill", { first = first, count = 2000 }) end
end

local rows, report = {}, {}

local function measure(work, connections, pipeline)
  local results = {}
  for _ = 1, option.rounds do
    for _, peer in ipairs(work.peers) do
      results[peer[1]] = results[peer[1]] or {}
      table.insert(results[peer[1]], run_load(peer[1], peer[2], connections, pipeline))
    end
  end
  local base = median(results.redis, "rps")
  for _, peer in ipairs(work.peers) do
    local list, name = results[peer[1]], peer[1]
    local row = { work = work.name, connections = connections, pipeline = pipeline, peer = name, rps = median(list, "rps"), p50_ms = median(list, "p50_ms"),
      p99_ms = median(list, "p99_ms"), p999_ms = median(list, "p999_ms"), cpu_us = median(list, "cpu_us"), handshake_ms = median(list, "handshake_ms"),
      cipher = list[1].cipher, rounds = {} }
    for i, result in ipairs(list) do row.rounds[i] = result.rps end
    if name == "muster" then row.commands_per_fsync, row.pages_written = median(list, "per_commit"), median(list, "pages") end
    report[#report + 1] = row
    local is_write = work.name:find("append") or work.name:find("write")
    rows[#rows + 1] = { work.name, tostring(connections), tostring(pipeline), name, ("%.0f"):format(row.rps), ("%.2f"):format(row.p50_ms),
      ("%.2f"):format(row.p99_ms), ("%.2f"):format(row.p999_ms), ("%.1f"):format(row.cpu_us),
      (name == "muster" and is_write) and ("%.1f"):format(row.commands_per_fsync) or "", ("%.2f"):format(row.rps / base) }
  end
end

fill()
local combinations = {}
for _, work in ipairs(works) do
  for _, c in ipairs(numbers(option.connections)) do
    for _, p in ipairs(numbers(option.pipeline)) do
      if ("%s c%d P%d"):format(work.name, c, p):find(option.only) then combinations[#combinations + 1] = { work, c, p } end
    end
  end
end
local progress = muster.progress("bench", #combinations)
for _, combination in ipairs(combinations) do
  measure(table.unpack(combination))
  progress:add(1)
end
progress:done()
muster.print_table({ "work", "conns", "pipeline", "peer", "req/s", "p50 ms", "p99 ms", "p999 ms", "CPU us/req", "cmds/fsync", "x redis" }, rows)
local file = assert(io.open(env.BENCH_DIR .. "/result.json", "w"))
file:write(muster.json.encode(report), "\n")
file:close()
print("medians of " .. option.rounds .. " alternating rounds of " .. option.seconds .. " s; JSON in build/bench/result.json")
