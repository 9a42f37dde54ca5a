--- muster plugin check: looks a plugin's folder over, without running its commands.
local c_rules = require "check_c"
local family = require "family"
local lua_rules = require "check_lua"
local options = require "options"
local syntax = require "syntax"

local manual = [[
Usage: muster plugin check DIR [--with DIR]… [--json]

Looks the plugin in DIR over without running it:

  manifest and declarations   keys, versions, names, argument and result types, summaries in both languages
  migrations                  applied, undone and applied again on a scratch database
  SQL                         each constant statement of Lua and C code, compiled against these tables
  requests                    commands, figures and settings that are asked for, and their arguments
  names                       global variables, unused locals and arguments, modules that are not there
  refusals                    codes, details and values of call:fail; a Chinese text for each, none left over
  habits (warnings)           migrations without a way back, commands that no transcript calls

C files are compiled, and the compiler's warnings shown.

  --with DIR  take a required plugin from this folder, not from those that come with the program
  --json      print [{path, line, level, rule, text, advice}, …]

Exit status: 0 without errors (warnings do not count), 1 with errors, 2 for a wrong use.
]]

local given = options.parse(manual, { with = "values", json = "flag" })
if #given ~= 1 then options.misuse("which folder? one DIR, please") end
local dir, name = options.folder(given[1])
local shown = given[1]:gsub("(.)/+$", "%1")

-- -- findings --

local findings = {}

local function find(level, path, line, rule, advice, fmt, ...)
  findings[#findings + 1] = { level = level, path = path, line = line or 1, rule = rule, advice = advice,
    text = fmt:format(...) }
end

--- A collector for one file.
local function of_file(path)
  return {
    error = function(_, line, ...) find("error", path, line, ...) end,
    warn = function(_, line, ...) find("warning", path, line, ...) end,
  }
end

local function report()
  table.sort(findings, function(a, b)
    if a.path ~= b.path then return a.path < b.path end
    if a.line ~= b.line then return a.line < b.line end
    return a.rule .. a.text < b.rule .. b.text
  end)
  local errors = 0
  for _, f in ipairs(findings) do
    if f.level == "error" then errors = errors + 1 end
    f.path = shown .. "/" .. f.path
    if not given.json then
      print(("%s:%d: %s: %s [%s]; %s"):format(f.path, f.line, f.level, f.text, f.rule, f.advice))
    end
  end
  if given.json then
    print(muster.json.encode(#findings > 0 and findings or muster.json.decode("[]")))
  else
    print(("%s: %d errors, %d warnings"):format(shown, errors, #findings - errors))
  end
  muster.exit(errors > 0 and 1 or 0)
end

-- -- the files --

--- Paths below the folder with this end; the tests are not the plugin.
local function files(ending, below, list)
  list, below = list or {}, below or ""
  for _, entry in ipairs(muster.list(dir .. "/" .. below) or {}) do
    local path = below .. entry
    if muster.kind(dir .. "/" .. path) == "folder" then
      if path ~= "tests" then files(ending, path .. "/", list) end
    elseif path:sub(-#ending) == ending then
      list[#list + 1] = path
    end
  end
  return list
end

local sources = {} -- path → what syntax.parse gives, and `text`
for _, path in ipairs(files(".lua")) do
  local text = options.read(dir .. "/" .. path) or ""
  local out, line, why = syntax.parse(text)
  if not out then
    find("error", path, line, "lua.syntax", "Lua 5.4 does not understand it", "%s", why)
  else
    out.text = text
    sources[path] = out
  end
end

--- The line of the first field with this key, or of the text in a C file. Where a declaration stands.
local function place(key)
  for path, out in pairs(sources) do
    for _, node in ipairs(out.tables) do
      for _, field in ipairs(node.fields) do
        if field.key and field.key.value == key then return path, field.line end
      end
    end
  end
  for _, path in ipairs(files(".c")) do
    local text = options.read(dir .. "/" .. path) or ""
    local at = text:find('"' .. key .. '"', 1, true)
    if at then return path, select(2, text:sub(1, at):gsub("\n", "")) + 1 end
  end
  return "manifest.lua", 1
end

-- -- what does not even load --

local MANIFEST_KEYS = { "name", "version", "api", "summary", "description", "requires", "units", "native", "isolate",
  "health", "asks", "commands", "effects", "secrets", "memory_mib", "time_ms" }

--- Letters that both have, in order: enough to tell a slip of the pen.
local function alike(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      row[j] = math.min(above + 1, row[j - 1] + 1, corner + (a:byte(i) == b:byte(j) and 0 or 1))
      corner = above
    end
  end
  return row[#b]
end

local function near(word, list)
  local best, distance = nil, 3
  for _, other in ipairs(list) do
    local d = alike(word, other)
    if d < distance then best, distance = other, d end
  end
  return best
end

--- Say where the host's own words about a plugin that does not load belong.
local function unloadable(why)
  local path, line = why:match("([%w_./-]+%.lua):(%d+)")
  path = path or why:match("([%w_./-]+%.lua)") or "manifest.lua"
  local migration, at = why:match("^migration (%S+) of %S+, line (%d+)")
  if migration then path, line = ("migrations/%s.sql"):format(migration), at end
  local key = why:match("there is no `([^`]+)` here")
  local suggestion = key and near(key, MANIFEST_KEYS)
  if key and not line then
    local found, where = place(key)
    if found == path then line = where end
  end
  if muster.kind(dir .. "/" .. path) ~= "file" then path = "manifest.lua" end
  find("error", path, math.tointeger(tonumber(line or 1)), migration and "migration" or "declaration",
    suggestion and ("did you mean %s?"):format(suggestion) or "the plugin cannot be loaded like this", "%s",
    (why:gsub("^plugin " .. name .. ", [%w_./-]+:[%d:]* ", "")))
end

-- -- rules of the whole --

local formats = {} -- {text, line, path}: English texts of refusals

local function collect(path, run)
  local own = {}
  run(own)
  for _, format in ipairs(own) do
    format.path = path
    formats[#formats + 1] = format
  end
end

--- All texts that stand anywhere in the plugin's code or in the library.
local function texts_in_use()
  local used = {}
  local function take(out)
    for _, node in ipairs(out.texts) do
      local text = syntax.constant(node)
      if text then used[text] = true end
    end
  end
  for path, out in pairs(sources) do
    if not path:find("^locale/") then take(out) end
  end
  for _, entry in ipairs(muster.list(muster.share .. "/api/lib") or {}) do
    local out = syntax.parse(options.read(muster.share .. "/api/lib/" .. entry) or "")
    if out then take(out) end
  end
  for _, path in ipairs(files(".c")) do
    for _, text in ipairs(c_rules.texts(options.read(dir .. "/" .. path) or "")) do used[text] = true end
  end
  for _, format in ipairs(formats) do used[format.text] = true end
  return used
end

local function check_locale(plugins)
  for _, format in ipairs(formats) do
    if not plugins:translate(name, format.text) then
      find("error", format.path, format.line, "locale.missing", "add it to locale/zh-CN.lua",
        "\"%s\" has no Chinese text", format.text)
    end
  end
  local locale, used = sources["locale/zh-CN.lua"], texts_in_use()
  for _, node in ipairs(locale and locale.tables or {}) do
    for _, field in ipairs(node.fields) do
      local english = field.key and syntax.constant(field.key)
      if english and not used[english] then
        find("error", "locale/zh-CN.lua", field.line, "locale.unused", "leave it out, or mend the English",
          "\"%s\" is said nowhere", english)
      end
    end
  end
end

local function check_migrations(plugins)
  for _, migration in ipairs(plugins:migrations(name)) do
    if not migration.additive and not migration.down then
      local path = ("migrations/%s.sql"):format(migration.name)
      find("warning", path, 1, "migration.way_back", ("write migrations/%s.down.sql"):format(migration.name),
        "a plugin with this migration cannot go back to the version before")
    end
  end
end

--- Are the ways back that there are, ways?
local function check_back(plugins)
  local ok, why, rule, migration = plugins:back(name)
  if not ok then
    find("error", migration and ("migrations/%s.down.sql"):format(migration) or "manifest.lua", 1,
      rule ~= "" and rule or "migration.back", "after it the migration must apply again", "%s", why)
  end
end

local KINDS = { { "commands", "command" }, { "figures", "figure" }, { "settings", "setting" }, { "roles", "role" } }

local function check_docs(declared)
  local function check(kind, item, path, line)
    for _, language in ipairs { { "summary", "English" }, { "summary_zh", "Chinese" } } do
      if (item[language[1]] or "") == "" then
        find("error", path, line, "docs.summary", 'summary = { en = "…", ["zh-CN"] = "…" }', "%s %s has no %s summary",
          kind, item.name, language[2])
      end
    end
  end
  for _, item in ipairs(declared.plugins) do
    if item.name == name then check("plugin", item, "manifest.lua", 1) end
  end
  for _, kind in ipairs(KINDS) do
    for _, item in ipairs(declared[kind[1]]) do
      if item.plugin == name then
        local path, line = place(item.name)
        check(kind[2], item, path, line)
        if kind[2] == "command" and (item.returns or "any") == "any" then
          find("warning", path, line, "docs.returns", 'such as "{id:int, at:instant}", or "nil"',
            "command %s does not say what it returns", item.name)
        end
      end
    end
  end
end

local function check_tested(declared)
  local called = {}
  for _, entry in ipairs(muster.list(dir .. "/tests") or {}) do
    if entry:find("%.session$") then
      for command in (options.read(dir .. "/tests/" .. entry) or ""):gmatch("[\n%]%w]>+%s*([%w_.]+)") do
        called[command] = true
      end
    end
  end
  for _, command in ipairs(declared.commands) do
    if command.plugin == name and not called[command.name] then
      local path, line = place(command.name)
      find("warning", path, line, "tests.none", "add it to a tests/*.session", "no transcript calls %s", command.name)
    end
  end
end

-- -- all of it --

--- The declarations once more, by name.
local function index(declared)
  declared.known_commands, declared.known_figures, declared.known_settings = {}, {}, {}
  for _, command in ipairs(declared.commands) do declared.known_commands[command.name] = command end
  for _, figure in ipairs(declared.figures) do declared.known_figures[figure.name] = figure end
  for _, setting in ipairs(declared.settings) do
    if setting.plugin == name then declared.known_settings[setting.name] = setting end
  end
  return declared
end

local function this_plugin()
  local manifest = family.manifest(dir) or {}
  local requires, asks = {}, type(manifest.asks) == "table" and manifest.asks.commands
  for _, other in ipairs(family.required(manifest)) do requires[other] = true end
  return { name = name, dir = dir, requires = requires, asks = type(asks) == "table" and asks or {} }
end

--- `plugins` and `declared` are nil when that much does not load.
local function check_code(plugins, declared)
  local plugin = this_plugin()
  local function prepare(sql) return plugins:prepare(name, sql) end
  for path, out in pairs(sources) do
    local see = of_file(path)
    lua_rules.names(out, see)
    lua_rules.modules(out, see, plugin)
    collect(path, function(own) lua_rules.refusals(out, see, own) end)
    if declared then lua_rules.asks(out, see, plugin, declared) end
    if plugins then lua_rules.sql(out, see, prepare) end
  end
  for _, path in ipairs(files(".c")) do
    local text = options.read(dir .. "/" .. path) or ""
    collect(path, function(own) c_rules.refusals(text, of_file(path), own) end)
    if plugins then c_rules.sql(text, of_file(path), prepare) end
  end
end

family.compile(dir, true, options.fail)
local plugins, why = muster.plugins(family.sources(dir, given.with))
local migrated = false
if plugins then migrated, why = plugins:migrate() end
if why and #findings == 0 then unloadable(why) end -- a wrong file was told already
local declared = plugins and index(plugins:declared())
check_code(migrated and plugins, declared)
if plugins then
  check_locale(plugins)
  check_migrations(plugins)
  if migrated then check_back(plugins) end
  check_docs(declared)
  check_tested(declared)
end
report()
