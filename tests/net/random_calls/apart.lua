--- Nothing that one half does changes a word of what the other half reads: not a row, not a count, not a total.
local shown = require "random_calls.judge".shown

local apart = {}

--- What belongs to everybody, contacts beside, which are shown on purpose, and how often plugins were called.
local SHARED = { "^plugin%.", "^fiveones%.campaign%.", "^org%.calendar%.", "^inspect%.checklist%.", "^notes%.", "^org%.route$" }

local function shared(name)
  for _, pattern in ipairs(SHARED) do
    if name:find(pattern) then return true end
  end
end

local function only(commands, write)
  local list = {}
  for _, c in ipairs(commands) do
    if c.write == write and not shared(c.name) then list[#list + 1] = c end
  end
  return list
end

--- A call whose reply depends on nothing but the data: without a deadline, and as of a fixed instant.
local function timeless(words)
  local dated = words[1] ~= "figure.get"
  for _, w in ipairs(words) do
    if w:find("^timeout_ms=") then return false end
    if w:find("^as_of=") then dated = true end
  end
  if not dated then words[#words + 1] = "as_of=2027-01-01T00:00:00+08:00" end
  return true
end

local function replies(conn, questions, judge)
  local out = {}
  for _, call in ipairs(questions) do conn:queue(call.words) end
  conn:flush()
  for i, call in ipairs(questions) do
    local value, err = conn:recv()
    judge(call, value, err)
    out[i] = err and tostring(err) or shown(value)
  end
  return out
end

--- `with.ask(commands, user)` makes one random call of these, `with.act(commands, user)` sends a wave of them,
--- `with.judge(call, value, err)` sees every reply, `with.changed(words, before, after)` those that are others afterwards.
function apart.check(commands, reader, writer, with)
  local reads, writes, questions = only(commands, false), only(commands, true), {}
  while #questions < 150 do
    local call = with.ask(reads, reader)
    if timeless(call.words) then questions[#questions + 1] = call end
  end
  local before = replies(reader.conns[1], questions, with.judge)
  for _ = 1, 4 do with.act(writes, writer) end
  for i, after in ipairs(replies(reader.conns[1], questions, with.judge)) do
    local late = before[i]:find("^TIMEOUT") or after:find("^TIMEOUT")
    if after ~= before[i] and not late then with.changed(questions[i].words, before[i], after) end
  end
end

return apart
