--- Thousands of random calls of every command, from several users with scopes apart from each other, pipelined over several
--- connections. After it: no fault, no leak, a whole audit chain, sound books, the figures of the past as they were.
--- The calls follow from the seed and from the replies; which connection's write comes first is the server's affair.
---   MUSTER_CALLS=n   how many calls (5,000)      MUSTER_SEED=n   another sequence (1)
local random = require "random_calls.random"
local house = require "random_calls.house"
local values = require "random_calls.values"
local compose = require "random_calls.compose"
local judge = require "random_calls.judge"
local apart = require "random_calls.apart"

local CALLS = math.tointeger(os.getenv("MUSTER_CALLS") or "") or 5000
local SEED = math.tointeger(os.getenv("MUSTER_SEED") or "") or 1
local PHASES, WINDOW = 6, 12 -- spans of business time; requests on their way
local HOUR, DAY = 3600000, 86400000
local EPOCH = 1580518800000 -- 2020-02-01T09:00:00+08:00
local STEP = 14 * DAY -- business time of one phase

local rng = random.new(SEED)
local admin = muster.connect { name = "random-admin" }
local problems, seen, stats, accepted, remembered = {}, {}, { calls = 0, ok = 0 }, 0, {}

--- Kept once for each cause: the same text, or the same command.
local function problem(why, words, value, err, token)
  local cause = why .. (err and err.text or words and words[1] or "")
  if seen[cause] then return end
  seen[cause] = true
  local shown = {}
  for i, w in ipairs(words or {}) do shown[i] = #w > 300 and w:sub(1, 300) .. "…" or w end
  local got = err and tostring(err) or judge.shown(value)
  local at = math.max(1, (token and got:find(token, 1, true) or 1) - 200)
  problems[#problems + 1] = ("%s\n  sent %q\n  got  %s"):format(why, table.concat(shown, " "), got:sub(at, at + 600))
  assert(#problems < 40, "too many problems:\n" .. table.concat(problems, "\n"))
end

-- What there is to call.

local function read_commands()
  local list, figures, names = {}, {}, {}
  for name, doc in pairs(admin:words { "COMMAND", "DOCS" }) do
    if doc.mode then
      local args = {}
      for i, a in ipairs(doc.arguments) do args[i] = values.parse(a.spec) end
      list[#list + 1] = { name = name, write = doc.mode == "write", args = args }
      names[#names + 1] = name
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  for _, command in ipairs(list) do
    if command.name == "setting.set" then list.setting = command end
  end
  table.sort(names)
  for _, f in ipairs(admin:call("figure.list")) do figures[#figures + 1] = f.name end
  house.pool.all.command, house.pool.all.figure, house.pool.all.settings = names, figures, admin:call("setting.list")
  house.pool.all.item = { "visit", "card", "letter", "package", "problem" }
  house.pool.all.plugin = { "org", "fund", "inspect", "fiveones", "notes", "echo", "muster" }
  return list
end

--- What the reply of a write tells of things that exist now: command → kind and key.
local MADE = {
  ["fund.give"] = { gift = "no" }, ["fund.pledge"] = { gift = "no" }, ["fund.batch.close"] = { batch = "batch" },
  ["fund.remit"] = { remittance = "no" }, ["fund.receipt.issue"] = { receipt = "no" },
  ["fund.publish"] = { publication = "no" }, ["fund.inkind.give"] = { goods = "no" }, ["fund.open"] = { fund = "code" },
  ["org.unit.add"] = { unit = "code" }, ["org.branch.add"] = { branch = "code" }, ["org.person.add"] = { person = "code" },
  ["org.post.add"] = { post = "id" }, ["org.event.open"] = { event = "code" }, ["fiveones.case.open"] = { case = "no" },
  ["fiveones.problem.add"] = { problem = "no" }, ["inspect.area.define"] = { area = "code" },
  ["inspect.site.add"] = { site = "code" }, ["inspect.taskforce.form"] = { taskforce = "taskforce" },
  ["inspect.round.plan"] = { round = "round" },
}
local MADE_FOR_ALL = { ["fiveones.campaign.define"] = "campaign", ["inspect.checklist.publish"] = "checklist",
  ["org.calendar.define"] = "calendar" }

local function learn(call, value)
  local command = call.words[1]
  for kind, key in pairs(MADE[command] or {}) do house.add(call.made_in, kind, value[key]) end
  if MADE_FOR_ALL[command] then house.add("all", MADE_FOR_ALL[command], value.code) end
  if command == "notes.add" then house.add("all", "note", value) end
  for _, no in ipairs(command == "inspect.sync" and value.findings or {}) do house.add(call.made_in, "finding", no) end
end

local STATES = { "open_batch", "closed_batch", "inspection", "pledged", "received", "batched", "remitted", "receipted" }

--- A part's own fund, or what a part has in the common one.
local function look_at_fund(part, fund)
  local function its(place) return fund ~= "ALL" or place:sub(1, 2) == "Q" .. part end
  for _, b in ipairs(admin:call("fund.batch.list", { fund = fund })) do
    local kind = b.state == "open" and "open_batch" or b.state == "closed" and "closed_batch"
    if kind and its(b.group) then house.add(part, kind, { key = b.batch, count = b.count, sum_fen = b.sum_fen, route = b.route }) end
  end
  for _, gift in ipairs(admin:call("fund.gift.list", { fund = fund, limit = 500 })) do
    if its(gift.unit) then house.add(part, gift.state, gift.no) end
  end
end

--- What only lists tell: batches with their totals, gifts by state, inspections, findings by what may be done with them.
local function look_around()
  for _, part in ipairs(house.PARTS) do
    local own = house.pool[part]
    for _, kind in ipairs(STATES) do own[kind] = {} end
    for _, fund in ipairs(own.fund) do look_at_fund(part, fund) end
    look_at_fund(part, "ALL")
    for _, i in ipairs(admin:call("inspect.inspection.list", { unit = "Q" .. part })) do
      house.add(part, "inspection", i.id)
    end
    for _ = 1, math.min(4, #(own.finding or {})) do
      local no = rng:pick(own.finding)
      for _, verb in ipairs(admin:call("inspect.finding.get", { finding = no }).allowed) do
        house.add(part, "finding." .. verb, no)
      end
    end
  end
end

-- One call and its outcome.

--- Keys are drawn from few, so that many are used again. What was accepted under one stays what it was.
local function check_key(call, value)
  local before = remembered[call.idem]
  local now = judge.shown(value)
  if before and before ~= now then problem("another reply to the same idem: " .. before, call.words, value) end
  remembered[call.idem] = now
  return before == nil
end

local function settle(call, value, err)
  stats.calls = stats.calls + 1
  local why, token = judge.outcome(call, value, err)
  if why then problem(why .. " (" .. call.user.name .. ")", call.words, value, err, token) end
  if err then
    stats[err.code] = (stats[err.code] or 0) + 1
    return
  end
  stats.ok = stats.ok + 1
  if not call.write then return end
  local first = true
  if call.idem then first = check_key(call, value) end
  if first then accepted = accepted + 1 end
  if call.user.proto ~= 2 then learn(call, value) end
end

--- The value of a reserved argument in the words of a call; false if it stands there twice.
local function reserved(words, name)
  local found
  for _, w in ipairs(words) do
    local value = w:match("^" .. name .. "=(.*)$")
    if value then found = found == nil and value end
  end
  return found
end

--- The language a refusal must be in: the one asked for, else the user's own; nil where it cannot be known.
local function language(user, words)
  local asked = reserved(words, "lang")
  if asked == nil or asked == "zh-CN" or asked == "en" then return asked or user.lang end
end

--- Percent: what ends things, or what is slow on purpose, comes seldom, or nothing else could happen. Settings and moves of
--- units wait for the end: a figure of the past is told by the settings and within the tree of today.
local SHARE = { ["user.password"] = 5, ["user.add"] = 20, ["setting.set"] = 0, ["org.unit.move"] = 0,
  ["org.unit.reopen"] = 0, ["fund.open"] = 20, ["fund.close"] = 2, ["org.unit.close"] = 10,
  ["inspect.site.close"] = 20, ["inspect.area.discharge"] = 30, ["inspect.finding.waive"] = 5,
  ["fiveones.case.suspend"] = 10 }
local PRESENT = { ["org.leadgroup.head"] = true } -- a figure that tells a name, as it is written now

--- Does everything exist that the command cannot do without?
local function sensible(command, part)
  for _, arg in ipairs(command.args) do
    local thing = not arg.optional and values.thing(command.name, arg, part)
    if thing and #(house.pool[part][thing] or {}) + #(house.pool.all[thing] or {}) == 0 then return false end
  end
  return true
end

local function draw(commands, ctx)
  for _ = 1, 20 do
    local command = rng:pick(commands)
    if ctx.wild and commands.setting and not ctx.user.part and rng:chance(8) then command = commands.setting end
    local share = SHARE[command.name] or MADE[command.name] and 100 or 50
    if rng:chance(ctx.wild and 100 or share) and (sensible(command, ctx.part) or rng:chance(10)) then return command end
  end
  return commands[1]
end

local function one_call(commands, user, clock)
  local part = user.part or rng:pick(house.PARTS)
  local ctx = { rng = rng, user = user, part = part, keys = 400, wild = clock.wild, day = clock.day,
    instant = clock.instant }
  local old = user.calls and #user.calls > 0 and rng:chance(6) and rng:pick(user.calls)
  if old then return old end
  local command = draw(commands, ctx)
  local words = compose.call(ctx, command)
  local call = { words = words, user = user, part = user.part, made_in = part, write = command.write,
    idem = reserved(words, "idem"),
    lang = language(user, words) }
  if call.idem then user.calls[#user.calls + 1] = call end
  return call
end

--- The connection's own commands that change nothing.
local INTRINSIC = { { "PING" }, { "PING", "x" }, { "ECHO", "x" }, { "CLIENT", "ID" }, { "CLIENT", "INFO" },
  { "CLIENT", "GETNAME" }, { "COMMAND", "COUNT" }, { "COMMAND", "LIST" }, { "COMMAND", "DOCS", "fund.give" },
  { "CONFIG", "GET", "*" }, { "INFO" }, { "SELECT", "0" }, { "SLOWLOG", "GET" }, { "COMMAND", "INFO", "x" }, { "nothing.such" } }

--- A window of calls on every connection, all sent before any reply is read.
local function wave(commands, users, clock)
  local sent = {}
  for _, user in ipairs(users) do
    for _, conn in ipairs(user.conns) do
      local calls = {}
      for i = 1, WINDOW do
        calls[i] = one_call(commands, user, clock)
        if rng:chance(4) then
          calls[i] = { words = rng:pick(INTRINSIC), user = user, part = user.part, intrinsic = true }
        end
        conn:queue(calls[i].words)
      end
      conn:flush()
      sent[#sent + 1] = { conn = conn, calls = calls }
    end
  end
  for _, s in ipairs(sent) do
    for _, call in ipairs(s.calls) do settle(call, s.conn:recv()) end
  end
end

-- What must hold over all of it.

local SCOPES = { "YL", "QN", "QS", "QT" }

local function figure(sample)
  local value, err = admin:try("figure.get", sample.args)
  return err and err.code or muster.json.encode(value)
end

--- Values of all figures as known at some instant of the phase that is over.
local function take_samples(from, samples)
  for _, name in ipairs(house.pool.all.figure) do
    if PRESENT[name] then goto next end
    local sample = { args = { name = name, scope = rng:pick(SCOPES), as_of = from + STEP - rng:upto(STEP // 2) } }
    local fund = rng:pick { "ALL", "QN-D", "QN-S", "QS-D", "QS-S" }
    if name:find("^fund%.total") then sample.args.params = { funds = { fund, "ALL" } }
    elseif name:find("^fund") then sample.args.params = { fund = fund, route = name:find("route") and "upper" or nil }
    elseif name == "fiveones.items_per_case" then sample.args.params = { campaign = "WY" } end
    sample.value = figure(sample)
    samples[#samples + 1] = sample
    ::next::
  end
end

local function check_samples(samples)
  for _, sample in ipairs(samples) do
    local now = figure(sample)
    if now ~= sample.value then
      problem("a figure of the past has changed: it was " .. sample.value, { muster.json.encode(sample.args) }, now)
    end
  end
end

local function check_books()
  for _, part in ipairs(house.PARTS) do house.add(part, "fund", "ALL") end
  local list = admin:call("fund.list")
  for _, fund in ipairs(list) do
    local check = admin:call("fund.check", { fund = fund.code })
    if not check.ok then problem("the books of " .. fund.code .. " do not agree", nil, check) end
  end
  return #list
end

local function check_audit(before)
  local audit = admin:call("audit.verify")
  if not audit.ok or not audit.complete then problem("the audit chain is broken", nil, audit) end
  if audit.rows - before ~= accepted then
    problem(("%d audit rows for %d accepted writes"):format(audit.rows - before, accepted), nil, audit)
  end
end

--- The log of the database, read beside the server: every write changes it, moving its pages into the database does not.
local function log_of_database()
  return muster.read_file(assert(os.getenv("MUSTER_DATA"), "MUSTER_DATA names the server's folder") .. "/muster.db-wal")
end

local function check_reads(commands, users, clock)
  local reads = {}
  for _, c in ipairs(commands) do
    if not c.write then reads[#reads + 1] = c end
  end
  for _, user in ipairs(users) do user.calls = {} end
  local before = log_of_database()
  for _ = 1, 3 do wave(reads, users, clock) end
  if log_of_database() ~= before then problem("reading has changed the database", { "only read commands" }) end
end

local function check_apart(commands, users, clock)
  local north, south = users[1], users[2]
  for _, pair in ipairs { { north, south }, { south, north } } do
    local reader, writer = pair[1], pair[2]
    reader.calls, writer.calls = {}, {}
    apart.check(commands, reader, writer, {
      ask = function(reads, user) return one_call(reads, user, clock) end,
      act = function(writes, user) wave(writes, { user }, clock) end,
      judge = settle,
      changed = function(words, before, after)
        problem(("%s has changed what %s reads; it was %s"):format(writer.name, reader.name, before:sub(1, 600)), words,
          after)
      end,
    })
  end
end

-- The play.

--- Business time moves on with `clock.share`, 0 to 1, never past the phase; two instants may be out of order by an hour.
local function clock_of(from)
  local clock = { share = 0 }
  local function now() return from + math.floor(clock.share * (STEP - 2 * HOUR)) end
  function clock.day() return os.date("!%Y-%m-%d", (now() - rng:upto(rng:chance(70) and 3 or 20) * DAY) // 1000 + 8 * 3600) end
  function clock.instant()
    local ms = now() + rng:upto(HOUR)
    return rng:chance(50) and tostring(ms) or os.date("!%Y-%m-%dT%H:%M:%S+08:00", ms // 1000 + 8 * 3600)
  end
  return clock
end

--- At the end business time may be anything, and settings change; the figures of the past have been looked at before.
local function wild_clock()
  local clock = clock_of(EPOCH + PHASES * STEP)
  local instant, day, wild = clock.instant, clock.day, { wild = true }
  function wild.instant()
    return rng:chance(30) and rng:pick { "0", "-62135596800000", "253402300799999", "4102444800000", "-1" } or instant()
  end
  function wild.day() return rng:chance(20) and rng:pick { "0001-01-01", "9999-12-31", "2020-02-29" } or day() end
  return wild
end

print(("random calls: MUSTER_SEED=%d MUSTER_CALLS=%d"):format(SEED, CALLS))
local users = house.build(admin, EPOCH - DAY)
local commands = read_commands()
local rows_before = admin:call("audit.verify").rows
users[#users + 1] = { name = "admin", lang = "zh-CN", busy = true }
local conns = 0
for _, user in ipairs(users) do
  user.conns, user.calls = {}, {}
  for i = 1, user.busy and 2 or 1 do
    conns = conns + 1
    user.conns[i] = muster.connect { name = "random-" .. i, user = user.token and user.name, token = user.token,
      proto = user.proto }
  end
end

local waves = math.max(1, CALLS // ((PHASES + 1) * conns * WINDOW))
local samples = {}
for phase = 1, PHASES do
  local from = EPOCH + (phase - 1) * STEP
  local clock = clock_of(from)
  for _, user in ipairs(users) do user.calls = {} end -- an old call sent again would write into the past
  for i = 1, waves do
    clock.share = i / waves
    wave(commands, users, clock)
    look_around()
  end
  take_samples(from, samples)
end
check_samples(samples)
check_apart(commands, users, clock_of(EPOCH + PHASES * STEP))
local wild = wild_clock()
for _ = 1, waves do wave(commands, users, wild) end
local funds = check_books()
check_audit(rows_before)
check_reads(commands, users, wild)

local counts = {}
for name, n in pairs(stats) do counts[#counts + 1] = name .. " " .. n end
table.sort(counts)
print(("%d commands, %d writes accepted, %d funds, %d figures; %s"):format(#commands, accepted, funds, #samples,
  table.concat(counts, ", ")))
for _, p in ipairs(problems) do print(p) end
muster.exit(#problems == 0)
