--- muster plugin test: a plugin's transcripts and specs, each in a process and a host of its own.
local family = require "family"
local options = require "options"

local manual = [[
Usage: muster plugin test DIR [WORD] [--update] [--with DIR]…

Runs the tests of the plugin in DIR, those whose file name has WORD in it:

  tests/*.session   transcripts: what is sent and what must come back
  tests/*_spec.lua  specs of its Lua modules, with require "muster.spec"
  manifest.lua      the health command, if it names one, on an empty database

Each file gets a host of its own with an empty database in memory, this plugin and those it requires. Lua states are
forgotten after every command. The clock stands still at 2025-01-01T09:00:00+08:00 until the transcript says
`@now INSTANT` or `@now +2h`. C code is compiled first, with CC, CFLAGS and LDFLAGS.

  --update        write what came where a transcript expects something else, or nothing yet (`A<`); read it over!
  --with DIR      take a required plugin from this folder, not from those that come with the program
  --seconds N     stop a file after so long (default 60)

Exit status: 0 when all passed, 1 when one failed, 2 for a wrong use.
]]

local given = options.parse(manual, { with = "values", seconds = "value", update = "flag" })
if not given[1] or #given > 2 then options.misuse("which folder? DIR [WORD]") end
local dir, name = options.folder(given[1])
local shown = given[1]:gsub("(.)/+$", "%1") -- paths in messages are as the author gave them
local word = given[2] or ""
local seconds = math.tointeger(tonumber(given.seconds or 60))
if not seconds or seconds < 1 or seconds > 3600 then options.misuse("--seconds is a number from 1 to 3600") end

local START = 1735693200000 -- 2025-01-01T09:00:00+08:00

-- -- inside a process of its own --

local function word_of(key, value)
  return key .. "=" .. (type(value) == "string" and value or muster.json.encode(value))
end

--- A house as transcript.lua wants it. `called` collects the names of the commands.
local function make_house(host, declared, called)
  local clock, connection = { now = START }, {}
  connection.__index = connection

  function connection:queue(words) self.waiting[#self.waiting + 1] = words end
  function connection.flush() end
  function connection.close() end

  function connection:recv()
    local words = table.remove(self.waiting, 1)
    called[words[1]] = true
    return host:call(words, clock.now, self.user)
  end

  local admin = {}
  function admin.call(_, command, args)
    local words = { command }
    for key, value in pairs(args) do words[#words + 1] = word_of(key, value) end
    local value, err = host:call(words, clock.now)
    if err then error(err) end
    return value
  end

  admin:call("user.add", { name = "admin", methods = "token" })
  admin:call("role.grant", { user = "admin", role = "administrator" })
  local token = admin:call("user.token", { name = "admin", label = "test" }).token

  local function connect(_, user, secret)
    local who, why = host:sign_in(user or "admin", secret or token)
    if not who then error(why, 0) end
    return setmetatable({ waiting = {}, user = who }, connection)
  end

  return require("transcript").house({ connect = connect, admin = admin, modes = declared.modes, clock = clock,
    renew = given.update, note = muster.note, replays = function() return host:replayed() end })
end

local function describe(plugins)
  local declared = plugins:declared()
  declared.modes, declared.own = {}, {}
  for _, command in ipairs(declared.commands) do
    declared.modes[command.name] = command.mode
    if command.plugin == name then table.insert(declared.own, command.name) end
  end
  return declared
end

local function run_transcript(path, folder)
  local plugins, why = muster.plugins(family.sources(dir, given.with))
  if not plugins then return { broken = why } end
  local host
  host, why = plugins:host(folder)
  if not host then return { broken = why } end
  local declared, called = describe(plugins), {}
  local checks, failures, renewed = require("transcript").play(path, make_house(host, declared, called))
  host:close()
  local names = {}
  for command in pairs(called) do names[#names + 1] = command end
  return { checks = checks, failures = failures, called = names, own = declared.own, renewed = renewed }
end

--- What an installation will ask on probation.
local function run_health(path, folder)
  local plugins, why = muster.plugins(family.sources(dir, given.with))
  if not plugins then return { broken = why } end
  local host
  host, why = plugins:host(folder)
  if not host then return { broken = why } end
  local health = family.manifest(dir).health
  muster.note(("%s: health = %s"):format(path, health))
  local value, err = host:call({ health }, START)
  host:close()
  local well = not err and value ~= false and not (type(value) == "table" and value.ok == false)
  local got = err and ("-%s %s"):format(err.code, err.text) or muster.json.encode(value)
  local said = ("%s: %s says on an empty database that the plugin is unwell\n  got       %s"):format(path, health, got)
  return { checks = 1, called = { health }, own = describe(plugins).own, failures = well and {} or { said } }
end

local function run_spec(path)
  local spec = require "spec"
  local env = require("sandbox").new(name, dir, { ["muster.spec"] = spec })
  local chunk, why = loadfile(path, "t", env)
  if not chunk then return { checks = 0, failures = { why } } end
  muster.note(path)
  local ok, err = xpcall(chunk, function(e) return type(e) == "table" and e.why or debug.traceback(tostring(e), 2) end)
  if not ok then table.insert(spec.failures, err) end
  return { checks = spec.checks, failures = spec.failures }
end

-- -- outside --

local function files()
  local found = {}
  if word == "" and (family.manifest(dir) or {}).health then
    found[1] = { path = shown .. "/manifest.lua", run = run_health }
  end
  for _, entry in ipairs(muster.list(dir .. "/tests") or {}) do
    local run = entry:find("%.session$") and run_transcript or entry:find("_spec%.lua$") and run_spec
    local path = ("%s/tests/%s"):format(shown, entry)
    if run and entry:find(word, 1, true) then found[#found + 1] = { path = path, run = run } end
  end
  return found
end

--- One file's result; a process that did not come back is a failure too.
local function run(file)
  local function work(folder) return muster.json.encode(file.run(file.path, folder)) end
  local text, why, doing = muster.apart(work, seconds)
  if text then return muster.json.decode(text) end
  local at = doing ~= "" and doing or file.path
  return { checks = 0, failures = { ("%s\n  %s while this was done"):format(at, why) } }
end

--- The commands that no transcript has called.
local function uncalled(own, called)
  local names = {}
  for _, command in ipairs(own) do
    if not called[command] then names[#names + 1] = command end
  end
  return names
end

local said, why_not = family.compile(dir, false)
if not said then options.fail("%s", why_not) end
io.stderr:write(said)
local found = files()
if #found == 0 then
  local what = word == "" and "*.session and no *_spec.lua" or "test named *" .. word .. "*"
  options.fail("%s/tests has no %s", shown, what)
end

local started, checks, failed, called, own = muster.clock(), 0, 0, {}, nil
for _, file in ipairs(found) do
  local result = run(file)
  if result.broken then options.fail("%s cannot be loaded: %s", shown, result.broken) end
  checks, own = checks + result.checks, result.own or own
  for _, command in ipairs(result.called or {}) do called[command] = true end
  if #result.failures > 0 then
    failed = failed + 1
    print(table.concat(result.failures, "\n"))
  end
  local verdict = #result.failures == 0 and "ok" or "FAILED"
  local renewed = (result.renewed or 0) > 0 and (", %d lines renewed"):format(result.renewed) or ""
  print(("%s %s (%d checks%s)"):format(verdict, file.path, result.checks, renewed))
end

local names = own and word == "" and uncalled(own, called) or {}
if #names > 0 then print(("no transcript calls: %s"):format(table.concat(names, " "))) end
print(("%d files, %d failed, %d checks, %.1f s"):format(#found, failed, checks, muster.clock() - started))
muster.exit(failed > 0 and 1 or 0)
