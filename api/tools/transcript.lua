--- Plays transcripts of sessions with a server, or with a host of the tests' own, and compares the replies.
---
--- A line is one of these; `#` begins a comment, blank lines mean nothing:
---   A> command arg name=value name="two words"    connection A sends and waits for the reply
---   A>> command …                                 sends without waiting: replies are read by the next A< lines
---   A< EXPECTED                                   checks the next reply of A, in order
---   A[bob]> command                               at its first use A signs in as the user bob (else: administrator)
---   A! RAW "\x16…"                                sends bytes as they are, inside TLS
---   A<eof        A close                          the server has closed A;  we close A
---   @role NAME pattern…                           defines a role
---   @user NAME role=R[,R…] [unit=CODE] [person=P] makes a user with a token and these roles
---   @at INSTANT | off                             from here on every write carries at=INSTANT
---   @now INSTANT | +90s | +5m | +2h | +3d         sets or advances the clock, which otherwise stands still
---   @lang en | zh-CN | off                        from here on every command of a plugin carries lang=
---   @plugins NAME…                                tells the reader what the file is about
--- EXPECTED: an integer, "text", OK, nil, true, false; JSON, in which a map or array ending with `...` may hold more;
--- `*` or "*" for any value; $name keeps a value, ${name} puts it into later lines; -CODE [rule] [words of the message]
--- for a refusal, -* for any; `!replayed` behind a value.
---
--- RAW, eof and everything that is the connection's (PING, AUTH, …) need a server; @now needs a host of the tests' own.
local encoding = require("encoding")
local expect = require("expect")

local MAX_FAILURES = 20

local play = {}
play.__index = play

local function new_play(path, house)
  return setmetatable({ path = path, house = house, line = 0, conns = {}, vars = {}, checks = 0, failures = {},
    text = {}, renewed = 0 }, play)
end

function play:fail(why, sent, expected, got)
  local parts = { ("%s:%d: %s"):format(self.path, self.line, why) }
  if sent then parts[#parts + 1] = "  sent      " .. sent end
  if expected then parts[#parts + 1] = "  expected  " .. expected end
  if got then parts[#parts + 1] = "  got       " .. got end
  self.failures[#self.failures + 1] = table.concat(parts, "\n")
end

function play:stop(why) error({ stop = ("%s:%d: %s"):format(self.path, self.line, why) }) end

function play:substitute(text)
  return (text:gsub("%${([%w_]+)}", function(name)
    return self.vars[name] or self:stop("nothing was kept as " .. name)
  end))
end

function play:connection(name, user)
  local c = self.conns[name]
  if c and user and c.user ~= user then
    self:stop(("connection %s is signed in as %s"):format(name, c.user or "the administrator"))
  end
  if c then return c end
  local token = self.house.tokens[user]
  if user and not token then self:stop("there is no @user " .. user) end
  local ok, conn = pcall(self.house.connect, name, user, token)
  if not ok then self:stop(("connection %s: %s"):format(name, tostring(conn))) end
  c = { conn = conn, user = user, sent = {}, replies = {} }
  self.conns[name] = c
  return c
end

--- What a line adds to a command: @at for writes, @lang for all commands of plugins and the host.
function play:decorate(words)
  local mode, has = self.house.modes[words[1]], {}
  for i = 2, #words do has[words[i]:match("^([%w_]+)=") or ""] = true end
  if self.at and mode == "write" and not has.at then words[#words + 1] = "at=" .. self.at end
  if self.lang and mode and not has.lang then words[#words + 1] = "lang=" .. self.lang end
  return words
end

local function describe(value, err)
  if err then return ("-%s %s"):format(err.code, tostring(err):gsub("^%S+ ", "")) end
  return expect.show(value)
end

--- Read one reply of `c` into its queue.
function play:read(c)
  local sent = table.remove(c.sent, 1)
  if self.house.note and sent then self.house.note(("%s:%d: %s"):format(self.path, sent.line, sent.text)) end
  local value, err, meta = c.conn:recv()
  c.replies[#c.replies + 1] = { value = value, err = err, replayed = meta and meta.replayed, sent = sent and sent.text }
end

function play:send(c, text, wait)
  local words, why = muster.split(text)
  if not words then self:stop(why) end
  if #words == 0 then self:stop("nothing to send") end
  local idem = wait and text:find("idem=", 1, true)
  local before = idem and self.house.replays()
  local ok, lost = pcall(function()
    c.conn:queue(self:decorate(words))
    c.conn:flush()
  end)
  if not ok and not tostring(lost):find("connection") then error(lost) end
  c.sent[#c.sent + 1] = { text = text, line = self.line }
  if not wait then return end
  while #c.sent > 0 do self:read(c) end
  local reply = c.replies[#c.replies]
  if idem and not reply.replayed and self.house.replays() > before then reply.replayed = true end
end

--- Where this is asked for: write what came in place of what was expected, unless that has names of kept values in it.
function play:renew(reply)
  local from, expected = self.text[self.line]:match("^(.-<)(.*)$")
  if not self.house.renew or expected:find("$", 1, true) then return false end
  local err = reply.err
  local got = err and ("-%s %s"):format(err.code, err.rule ~= "" and err.rule or err.text) or expect.show(reply.value)
  self.text[self.line] = from .. " " .. got
  self.renewed = self.renewed + 1
  return true
end

function play:check(c, text)
  self.checks = self.checks + 1
  if #c.replies == 0 and #c.sent == 0 and not c.raw then
    return self:fail("nothing was sent on this connection whose reply this could be", nil, text)
  end
  if #c.replies == 0 then self:read(c) end
  local reply = table.remove(c.replies, 1)
  local why = expect.check(text, reply.value, reply.err, reply.replayed, self.vars)
  if why and not self:renew(reply) then self:fail(why, reply.sent, text, describe(reply.value, reply.err)) end
end

--- What has to do with bytes on a line is for a server; a house that has the clock in its hand is none.
function play:need_server(what)
  if self.house.clock then self:stop(what .. ": this needs a server, and `muster plugin test` has none") end
end

function play:check_end(c)
  self:need_server("<eof")
  self.checks = self.checks + 1
  if #c.replies == 0 then self:read(c) end
  local reply = table.remove(c.replies, 1)
  local closed = reply.err and reply.err.connection and reply.err.rule == "connection.closed"
  if not closed then self:fail("the connection is still open", reply.sent, "eof", describe(reply.value, reply.err)) end
end

local function unquote(text)
  local parsed, rest = expect.parse(text)
  return type(parsed) == "string" and rest == "" and parsed or nil
end

local LINES = "a line is `A> command word name=value`, `A< expected`, `@now INSTANT` and the like, or `# a comment`"

local directives = {}

function directives:role(rest)
  local name, patterns = rest:match("^(%S+)%s+(.+)$")
  if not name then self:stop("@role NAME pattern…") end
  if self.house.roles[name] then return end
  local grants = {}
  for pattern in patterns:gmatch("%S+") do grants[#grants + 1] = pattern end
  self.house.admin:call("role.define", { name = name, grants = grants })
  self.house.roles[name] = true
end

function directives:user(rest)
  local name, options = rest:match("^(%S+)%s*(.*)$")
  local given = {}
  for key, value in options:gmatch("(%w+)=(%S+)") do given[key] = self:substitute(value) end
  if not name then self:stop("@user NAME role=R[,R…] [unit=CODE] [person=P]") end
  local admin, tokens = self.house.admin, self.house.tokens
  if not tokens[name] then
    admin:call("user.add", { name = name, person = given.person, methods = "token" })
    tokens[name] = admin:call("user.token", { name = name, label = "session" }).token
  end
  for role in (given.role or ""):gmatch("[^,]+") do
    admin:call("role.grant", { user = name, role = role, unit = given.unit })
  end
end

function directives:at(rest) self.at = rest ~= "off" and self:substitute(rest) or nil end

local UNITS = { s = 1000, m = 60000, h = 3600000, d = 86400000 }

--- "2020-02-10T09:00:00+08:00" as ms UTC. Days since 1970 by Howard Hinnant's days_from_civil.
local function instant(text)
  local y, m, d, hh, mm, ss, zone = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.?%d*([Zz+-].*)$")
  if not y then return math.tointeger(text) end
  local sign, zh, zm = zone:match("^([+-])(%d%d):(%d%d)$")
  if not sign and zone:upper() ~= "Z" then return nil end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m <= 2 then y = y - 1 end
  local era = y // 400
  local of_year = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  local of_era = (y - era * 400) * 365 + (y - era * 400) // 4 - (y - era * 400) // 100 + of_year
  local seconds = (era * 146097 + of_era - 719468) * 86400 + hh * 3600 + mm * 60 + ss
  local minutes = sign and (zh * 60 + zm) * (sign == "-" and -1 or 1) or 0
  return math.tointeger(seconds - minutes * 60) * 1000
end

function directives:now(rest)
  local clock = self.house.clock
  if not clock then self:stop("@now: a server has its own clock; `muster plugin test` plays this file") end
  local count, unit = rest:match("^%+(%d+)([smhd])$")
  local ms = count and clock.now + math.tointeger(count) * UNITS[unit] or instant(self:substitute(rest))
  if not ms then self:stop("@now INSTANT, or +90s, +5m, +2h, +3d") end
  clock.now = ms
end

function directives:lang(rest) self.lang = rest ~= "off" and rest or nil end
function directives.plugins() end

function play:directive(line)
  local name, rest = line:match("^@(%a+)%s*(.-)%s*$")
  local run = name and directives[name]
  if not run then
    self:stop(("unknown directive %s; there are @now, @at, @lang, @role, @user and @plugins"):format(line))
  end
  local ok, err = pcall(run, self, rest)
  if not ok then
    if type(err) == "table" and err.stop then error(err) end
    self:stop(("%s: %s"):format(line, tostring(err)))
  end
end

function play:obey(line)
  if line:sub(1, 1) == "@" then return self:directive(line) end
  local name, user, rest = line:match("^(%a[%w_]*)(%b[])(.*)$")
  if name then user = user:sub(2, -2) else name, rest = line:match("^(%a[%w_]*)(.*)$") end
  if not name then self:stop("cannot read this line; " .. LINES) end
  rest = rest:gsub("%s+$", "")
  if rest:match("^<%s*eof$") then return self:check_end(self:connection(name, user)) end
  local pipelined, queued = rest:match("^>>()%s*(.*)$")
  if pipelined then return self:send(self:connection(name, user), self:substitute(queued), false) end
  local op, text = rest:match("^([<>])%s*(.*)$")
  if op == ">" then return self:send(self:connection(name, user), self:substitute(text), true) end
  if op == "<" then return self:check(self:connection(name, user), self:substitute(text)) end
  local raw = rest:match("^!%s*RAW%s+(.*)$")
  local bytes = raw and unquote(self:substitute(raw))
  if bytes then
    self:need_server("! RAW")
    local c = self:connection(name, user)
    c.raw = true
    return c.conn:raw(bytes)
  end
  if rest:match("^%s+close$") then
    self:connection(name, user).conn:close()
    self.conns[name] = nil
    return
  end
  self:stop("cannot read this line; " .. LINES)
end

--- An error nobody looked at is a mistake of the transcript, or of the server.
function play:finish()
  for name, c in pairs(self.conns) do
    while #c.sent > 0 do self:read(c) end
    for _, reply in ipairs(c.replies) do
      if reply.err then
        self:fail(("a refusal to %s was not checked"):format(name), reply.sent, nil, describe(nil, reply.err))
      end
    end
    c.conn:close()
  end
end

function play:lines()
  local file = assert(io.open(self.path, "rb"))
  local text = file:read("a")
  file:close()
  local at, what, advice = encoding.fault(text)
  if at then
    self.line = at
    self:stop(("%s; %s"):format(what, advice))
  end
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("(.-)\n") do
    self.line = self.line + 1
    line = line:gsub("\r$", "")
    self.text[self.line] = line
    if line:match("%S") and not line:match("^%s*#") then self:obey(line) end
    if #self.failures >= MAX_FAILURES then self:stop("too many failures; the rest was not played") end
  end
  self:finish()
end

local transcript = {}

--- What a transcript is played against:
---   { connect = f(name, user, token) → connection, or an error raised; admin = a connection with `call`;
---     modes = { command = "read" | "write" }, replays = f() → how many writes were answered from memory,
---     clock = { now = ms } or nil, note = f(text) or nil: what is sent now,
---     renew = true or nil: what came is written where something else was expected }
--- Prepared once; the users and roles that its transcripts make are remembered in it.
function transcript.house(house)
  house.tokens, house.roles = {}, {}
  return house
end

--- Play one file. Returns how many replies were checked, the failures as texts, and how many lines were renewed.
function transcript.play(path, house)
  local p = new_play(path, house)
  local ok, err = xpcall(p.lines, function(e) return type(e) == "table" and e or debug.traceback(tostring(e), 2) end, p)
  if not ok then p.failures[#p.failures + 1] = type(err) == "table" and (err.stop or tostring(err)) or err end
  if p.renewed > 0 and ok then
    local file = assert(io.open(path, "wb"))
    assert(file:write(table.concat(p.text, "\n"), "\n"))
    assert(file:close())
  end
  return p.checks, p.failures, p.renewed
end

return transcript
