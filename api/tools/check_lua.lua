--- Rules for one Lua file of a plugin: names, modules, refusals, SQL.
local sandbox = require "sandbox"
local syntax = require "syntax"

local rules = {}

local CODES = {}
for code in ("ARG NOTFOUND STATE NOPERM SCOPE CONFLICT DUP CLOSED LIMIT POLICY"):gmatch("%u+") do CODES[code] = true end
rules.CODES = "ARG NOTFOUND STATE NOPERM SCOPE CONFLICT DUP CLOSED LIMIT POLICY"

local DETAILS = { rule = true, arg = true, state = true, allowed = true }

local QUERIES = { run = true, row = true, rows = true, value = true }

--- `see`: the findings' collector, see:error(line, rule, advice, fmt, …) and see:warn.
function rules.names(out, see)
  for _, name in ipairs(out.globals) do
    if name.assigned then
      see:error(name.line, "global.write", "write `local`; what shall last is kept in the database",
        "the global variable %s is written", name.name)
    elseif not sandbox.globals[name.name] then
      see:error(name.line, "global.unknown", "declare it, or require the module that has it",
        "there is no global %s (no io, os, debug)", name.name)
    end
  end
  for _, variable in ipairs(out.locals) do
    if variable.uses == 0 and not variable.hidden and variable.name:sub(1, 1) ~= "_" then
      see:error(variable.line, variable.param and "unused.argument" or "unused.local",
        variable.param and "name it _ or leave it out" or "leave it out", "%s is never used", variable.name)
    end
  end
  for _, call in ipairs(out.calls) do
    local what = call.kind == "call" and call.object
    local library = what and what.kind == "index" and what.object.global and sandbox.missing[what.object.name]
    if library and library[what.key.value] then
      see:error(call.line, "global.missing", "it would differ from run to run", "the sandbox has no %s.%s",
        what.object.name, what.key.value)
    end
  end
end

--- Modules that are not there. `plugin`: {name, dir, requires = {other = range}}; `requires` is nil while the manifest
--- cannot be read.
function rules.modules(out, see, plugin)
  for _, call in ipairs(out.calls) do
    local module = call.kind == "call" and call.object.global and call.object.name == "require" and call.args[1]
      and syntax.constant(call.args[1])
    local owner, inner = (module or ""):match("^([%w_]+)%.([%w_.]+)$")
    local path
    if owner == "muster" then
      path = ("%s/api/lib/%s.lua"):format(muster.share, inner)
    elseif owner == plugin.name then
      path = ("%s/%s.lua"):format(plugin.dir, (inner:gsub("%.", "/")))
    end
    if path and muster.kind(path) ~= "file" then
      see:error(call.line, "require.missing", "the file would be " .. path, "there is no module %s", module)
    elseif owner and not path then
      see:error(call.line, "require.foreign", "ask it by call:invoke or call:figure",
        "%s is a module of another plugin", module)
    elseif module and not owner and plugin.requires and not plugin.requires[module] then
      see:error(call.line, "require.undeclared", "name it in the manifest's requires",
        "the plugin %s is not required", module)
    end
  end
end

--- How many values a format takes.
local function items(format)
  local count = 0
  for item in format:gsub("%%%%", ""):gmatch("%%") do count = count + #item end
  return count
end

local OPEN_ENDED = { call = true, method = true, ["..."] = true }

--- How many values these arguments are from the `from`th on; nil when that is seen only when it runs.
local function count(args, from)
  if #args >= from and OPEN_ENDED[args[#args].kind] then return nil end
  return math.max(#args - from + 1, 0)
end

--- A rule is a name that clients compare, no sentence.
function rules.rule(rule, line, see)
  if rule and tostring(rule):find("%s") then
    see:error(line, "fail.rule", "a rule is a name such as fund.member_only", "the rule \"%s\" has a blank in it", rule)
  end
end

--- call:fail(code, [details,] format, …). `formats` collects {text, line}.
function rules.refusals(out, see, formats)
  for _, call in ipairs(out.calls) do
    if call.kind == "method" and call.name == "fail" and #call.args >= 2 then
      for _, code in ipairs((syntax.texts(call.args[1]))) do
        if not CODES[code.text] then
          see:error(code.line, "fail.code", "it is one of " .. rules.CODES, "call:fail: there is no code %s", code.text)
        end
      end
      local details = call.args[2].kind == "table" and call.args[2]
      for _, field in ipairs(details and details.fields or {}) do
        local key = field.key and syntax.constant(field.key)
        if key and not DETAILS[key] then
          see:error(field.line, "fail.detail", "they are rule, arg, state and allowed",
            "call:fail: there is no detail %s", key)
        end
        rules.rule(key == "rule" and syntax.constant(field.value), field.line, see)
      end
      local at = details and 3 or 2
      local given = count(call.args, at + 1)
      for _, format in ipairs(call.args[at] and (syntax.texts(call.args[at])) or {}) do
        formats[#formats + 1] = format
        if given and given ~= items(format.text) then
          see:error(format.line, "fail.items", "give one value for each %s or %d", "%d values for \"%s\"", given,
            format.text)
        end
      end
    end
  end
end

local RESERVED = { idem = true, at = true, timeout_ms = true, lang = true }
local OF_FIGURES = { scope = true, from = true, to = true, as_of = true }

--- Details that name an argument nobody has. `arguments`: set of those of this plugin's commands and figures.
function rules.details(out, see, arguments)
  for _, call in ipairs(out.calls) do
    local details = call.kind == "method" and call.name == "fail" and call.args[2]
    for _, field in ipairs(details and details.kind == "table" and details.fields or {}) do
      local arg = field.key and syntax.constant(field.key) == "arg" and syntax.constant(field.value)
      if arg and not arguments[arg] and not RESERVED[arg] and not OF_FIGURES[arg] then
        see:warn(field.line, "fail.argument", "`arg` names the argument that the caller has to change",
          "no command has an argument %s", arg)
      end
    end
  end
end

--- Does one of these patterns ("org.unit.check", "org.*", "org.unit.*") hold?
function rules.matches(patterns, word)
  for _, pattern in ipairs(patterns) do
    local stem = pattern:match("^(.*%.)%*$")
    if pattern == word or stem and word:sub(1, #stem) == stem then return true end
  end
  return false
end

--- A named command or figure of another plugin, or of this one, with its arguments. `known`: name → declaration. Of a
--- plugin that is not required nothing is known.
local function check_ask(call, see, plugin, what, declared, known, also)
  local text = syntax.constant(call.args[1])
  local item = text and known[text]
  local owner = text and tostring(text):match("^(.-)%.") or ""
  if text and not item and not declared.owners[owner] then
    see:warn(call.line, what .. ".trust", ("or name %s in the manifest's requires"):format(owner),
      "%s is of a plugin that is not required: whether it is there, and allowed, is seen when it runs", text)
  elseif text and not item then
    see:error(call.line, what .. ".unknown", "it must be one of this plugin, or of those that it requires",
      "there is no %s %s", what, text)
  end
  if not item then return end
  if item.plugin ~= plugin.name and item.plugin ~= "muster"
    and not (plugin.requires[item.plugin] and rules.matches(plugin.asks, text)) then
    see:warn(call.line, what .. ".trust", "or name it in the manifest's asks.commands",
      "%s is allowed only to users who may use it themselves", text)
  end
  local arguments = {}
  for _, name in ipairs(item.arg_names) do arguments[name] = true end
  for _, field in ipairs(call.args[2] and call.args[2].kind == "table" and call.args[2].fields or {}) do
    local key = field.key and syntax.constant(field.key)
    if key and not arguments[key] and not RESERVED[key] and not also[key] then
      see:error(field.line, what .. ".argument", "it takes " .. table.concat(item.arg_names, ", "),
        "%s has no argument %s", text, key)
    end
  end
end

--- "cnkit.name.check" for `kit.name.check` where `local kit = require "cnkit"`; nil for anything else.
local function kit_command(node)
  local parts = {}
  while node.kind == "index" do
    local key = syntax.constant(node.key)
    if not key then return nil end
    table.insert(parts, 1, key)
    node = node.object
  end
  local first = node.kind == "name" and node.variable and node.variable.sets == 0 and node.variable.first
  local required = first and first.kind == "call" and first.object.global and first.object.name == "require"
    and first.args[1] and syntax.constant(first.args[1])
  if not required or required:find(".", 1, true) or #parts == 0 then return nil end
  return required .. "." .. table.concat(parts, ".")
end

--- Pure commands of a C plugin, called in place.
local function check_kit(call, see, declared)
  local name = kit_command(call.object)
  local command = name and declared.known_commands[name]
  if name and not (command and command.pure) then
    see:error(call.line, "kit.unknown", "only pure commands of a C plugin can be called in place",
      command and "%s is not pure" or "there is no command %s", name)
  elseif name and #call.args > #command.arg_names then
    see:error(call.line, "kit.arguments", "it takes " .. table.concat(command.arg_names, ", "),
      "%d arguments for %s", #call.args, name)
  end
end

--- call:invoke, call:figure and call:setting, and calls of pure commands. `plugin` has `asks`, too; `declared` as
--- plugins:declared() gives it, with `known_commands` and `known_figures` by name, `known_settings` of this plugin, and
--- `owners`, a set of the first words of all names.
function rules.asks(out, see, plugin, declared)
  for _, call in ipairs(out.calls) do
    local named = call.kind == "method" and #call.args >= 1 and call.name
    if call.kind == "call" then
      check_kit(call, see, declared)
    elseif named == "invoke" then
      check_ask(call, see, plugin, "command", declared, declared.known_commands, {})
    elseif named == "figure" then
      check_ask(call, see, plugin, "figure", declared, declared.known_figures, OF_FIGURES)
    elseif named == "setting" and #call.args == 1 then
      local name = syntax.constant(call.args[1])
      if name and not declared.known_settings[name] then
        see:error(call.line, "setting.unknown", "declare it under settings", "there is no setting %s", name)
      end
    end
  end
end

--- `rule` is the guard's.
function rules.sql_advice(rule)
  if rule == "sql.error" then return "the tables are as the migrations make them" end
  return "a plugin writes what every SQL engine runs, on its own tables"
end

--- Every statement given to call.db. `prepare`: f(sql) → number of parameters, or nil and why not.
function rules.sql(out, see, prepare)
  for _, call in ipairs(out.calls) do
    local object = call.object
    local field, named = object.kind == "index", object.kind == "name"
    local database = field and object.key.value == "db" or named and object.name == "db"
    if call.kind == "method" and database and QUERIES[call.name] and #call.args >= 1 then
      local texts, whole = syntax.texts(call.args[1])
      for _, sql in ipairs(texts) do
        local parameters, why, rule = prepare(sql.text)
        local given = count(call.args, 2)
        if not parameters then
          see:error(sql.line, rule, rules.sql_advice(rule), "%s", why)
        elseif given and given ~= parameters then
          see:error(call.line, "sql.parameters", "give one value for each ?", "%d values for %d parameters", given,
            parameters)
        end
      end
      if not whole and call.args[1].kind == "binary" then
        see:warn(call.line, "sql.built", "constant texts and ? parameters can be looked at",
          "this SQL is put together when it runs, and was not looked at")
      end
    end
  end
end

return rules
