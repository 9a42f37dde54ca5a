--- muster plugin check: looks a plugin's folder over, without running its commands.
local c_rules = require "check_c"
local call_rules = require "check_calls"
local encoding = require "encoding"
local family = require "family"
local load_rules = require "check_load"
local lua_rules = require "check_lua"
local options = require "options"
local syntax = require "syntax"

local manual = [[
Usage: muster plugin check DIR [--with DIR]… [--json]

Looks the plugin in DIR over without running it:

  files                       UTF-8 without a byte order mark, names that are read
  manifest and declarations   keys, versions, names, argument and result types, summaries in both languages
  migrations                  applied, undone and applied again on a scratch database
  SQL                         each constant statement of Lua and C code, compiled against these tables
  requests                    commands, figures and settings that are asked for, and their arguments; what roles grant;
                              functions of call, of its database and of the library; writing in a read command
  names                       global variables, unused locals and arguments, modules that are not there
  refusals                    codes, details and values of call:fail; a Chinese text for each, none left over
  habits (warnings)           migrations without a way back, commands that no transcript calls

C files are compiled; what the compiler says is shown on standard error, too.

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
local c_sources = {} -- path → text

local function read_sources()
  for _, path in ipairs(files(".lua")) do
    local text = options.read(dir .. "/" .. path) or ""
    local out, line, why = syntax.parse((text:gsub("^" .. encoding.MARK, "")))
    if not out then
      find("error", path, line, "lua.syntax", "Lua 5.4 does not understand it", "%s", why)
    else
      sources[path] = out
    end
  end
  for _, path in ipairs(files(".c")) do c_sources[path] = options.read(dir .. "/" .. path) or "" end
end

--- Where a declaration stands.
local function place(word)
  local path, line = load_rules.find(word, { lua = sources, c = c_sources })
  return path or "manifest.lua", line or 1
end

-- -- what does not even load --

local function check_encoding()
  local list = {}
  for _, ending in ipairs { ".lua", ".sql", ".c", ".h" } do files(ending, "", list) end
  for _, entry in ipairs(muster.list(dir .. "/tests") or {}) do
    if entry:find("%.session$") or entry:find("%.lua$") then list[#list + 1] = "tests/" .. entry end
  end
  for _, path in ipairs(list) do
    local line, what, advice = encoding.fault(options.read(dir .. "/" .. path) or "")
    if line then find("error", path, line, "file.encoding", advice, "%s", what) end
  end
end

--- Names of files that are read by nobody, or cannot be what they are.
local function check_names()
  local names = {}
  for _, entry in ipairs(muster.list(dir .. "/migrations") or {}) do
    if entry:find("%.sql$") then names[#names + 1] = entry end
  end
  load_rules.migrations(names, function(entry, ...) find("error", "migrations/" .. entry, 1, "migration.name", ...) end)
  for _, entry in ipairs(muster.list(dir .. "/locale") or {}) do
    if entry ~= "zh-CN.lua" then
      find("error", "locale/" .. entry, 1, "locale.name", "the locale is locale/zh-CN.lua", "nobody reads this file")
    end
  end
end

--- Say where the host's own words about a plugin that does not load belong.
local function unloadable(why)
  local migration, at = why:match("^migration (%S+) of %S+, line (%d+)")
  if migration then
    return find("error", ("migrations/%s.sql"):format(migration), math.tointeger(at), "migration",
      "the plugin cannot be loaded like this", "%s", why)
  end
  local function exists(path) return muster.kind(dir .. "/" .. path) == "file" end
  local path, line, advice, text = load_rules.unloadable(why, name, { lua = sources, c = c_sources }, exists)
  find("error", path, line, "declaration", advice, "%s", text)
end

--- Compile the C files; true unless they are refused. The compiler's words are findings; in full, with what they point
--- at, they go to standard error.
local function compile()
  local said, why = family.compile(dir, true)
  local words, refused = said or why, false
  if words ~= "" then io.stderr:write(words, words:sub(-1) == "\n" and "" or "\n") end
  for path, line, level, text in words:gmatch("([^\n:]+):(%d+):%d*:? ([%a ]+): ([^\n]+)") do
    level = level:match("%a+$") -- "fatal error"
    if (level == "error" or level == "warning") and path:sub(1, #dir + 1) == dir .. "/" then
      refused = refused or level == "error"
      find(level, path:sub(#dir + 2), math.tointeger(line), "c.compile", "mend what the compiler has found", "%s", text)
    end
  end
  if not said and not refused then
    find("error", "manifest.lua", 1, "c.compile", "standard error has the rest", "%s", (why:match("[^\n]+")))
  end
  return said ~= nil
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
  for _, source in pairs(c_sources) do
    for _, text in ipairs(c_rules.texts(source)) do used[text] = true end
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

--- The health command is asked by every test of the plugin, see test.lua.
local function check_tested(declared, health)
  local called = { [health or ""] = true }
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

--- What roles grant and what the manifest asks for, held against the names that there are.
local function check_patterns(declared)
  local function check(pattern, rule, advice, fmt, ...)
    local read, word = pattern:match("^(read:)(.*)$")
    word = word or pattern
    if word == "*" or word == "backdate" or not declared.owners[word:match("^(.-)%.")] then return end
    for _, known in ipairs { declared.known_commands, declared.known_figures } do
      for other, item in pairs(known) do
        if lua_rules.matches({ word }, other) and (not read or item.mode ~= "write") then return end
      end
    end
    local path, line = place(pattern)
    find("error", path, line, rule, advice, fmt, ...)
  end
  for _, role in ipairs(declared.roles) do
    for _, grant in ipairs(role.plugin == name and role.grants or {}) do
      check(grant, "role.grant", "it grants nothing", "role %s: no command is %s", role.name, grant)
    end
  end
  for _, plugin in ipairs(declared.plugins) do
    for _, pattern in ipairs(plugin.name == name and plugin.asks.commands or {}) do
      check(pattern, "asks.unknown", "leave it out, or mend it", "asks.commands: no command, no figure is %s", pattern)
    end
  end
end

-- -- all of it --

--- The declarations once more, by name.
local function index(declared)
  declared.known_commands, declared.known_figures, declared.known_settings = {}, {}, {}
  declared.owners, declared.arguments = { [name] = true }, {}
  local function take(list, known)
    for _, item in ipairs(list) do
      known[item.name] = item
      declared.owners[item.name:match("^(.-)%.") or item.name] = true
      for _, arg in ipairs(item.plugin == name and item.arg_names or {}) do declared.arguments[arg] = true end
    end
  end
  take(declared.commands, declared.known_commands)
  take(declared.figures, declared.known_figures)
  for _, plugin in ipairs(declared.plugins) do declared.owners[plugin.name] = true end
  for _, setting in ipairs(declared.settings) do
    if setting.plugin == name then declared.known_settings[setting.name] = setting end
  end
  return declared
end

local function this_plugin()
  local manifest = family.manifest(dir)
  local asks = manifest and type(manifest.asks) == "table" and manifest.asks.commands
  local plugin = { name = name, dir = dir, requires = manifest and {}, asks = type(asks) == "table" and asks or {} }
  for _, other in ipairs(manifest and family.required(manifest) or {}) do plugin.requires[other] = true end
  plugin.health = manifest and manifest.health
  return plugin
end

--- `plugins` and `declared` are nil when that much does not load.
local function check_code(plugin, plugins, declared)
  local interface = call_rules.interface()
  local function prepare(sql) return plugins:prepare(name, sql) end
  for path, out in pairs(sources) do
    local see = of_file(path)
    lua_rules.names(out, see)
    lua_rules.modules(out, see, plugin)
    call_rules.functions(out, see, interface)
    call_rules.transitions(out, see)
    call_rules.modes(out, see)
    call_rules.twice(out, see)
    collect(path, function(own) lua_rules.refusals(out, see, own) end)
    if declared then
      lua_rules.asks(out, see, plugin, declared)
      lua_rules.details(out, see, declared.arguments)
    end
    if plugins then lua_rules.sql(out, see, prepare) end
  end
  for path, text in pairs(c_sources) do
    collect(path, function(own) c_rules.refusals(text, of_file(path), own) end)
    if plugins then c_rules.sql(text, of_file(path), prepare) end
  end
end

read_sources()
check_encoding()
check_names()
local plugin, migrated, plugins, why = this_plugin(), false, nil, nil
if compile() then plugins, why = muster.plugins(family.sources(dir, given.with)) end
if plugins then migrated, why = plugins:migrate() end
local told = false -- a wrong file was
for _, finding in ipairs(findings) do told = told or finding.level == "error" end
if why and not told then unloadable(why) end
local declared = plugins and index(plugins:declared())
check_code(plugin, migrated and plugins, declared)
if plugins then
  check_locale(plugins)
  check_migrations(plugins)
  if migrated then check_back(plugins) end
  check_docs(declared)
  check_patterns(declared)
  check_tested(declared, plugin.health)
end
report()
