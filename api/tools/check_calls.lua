--- Rules for one Lua file of a plugin: what the `call` object, its database and the library have, and when. Plain slips
--- that Lua itself lets pass.
local options = require "options"
local syntax = require "syntax"

local rules = {}

--- { ["muster.Call"] = {fail = true, …}, ["muster.money"] = {yuan = true, …}, … }: the functions that types.lua names.
function rules.interface()
  local known, class, named = {}, nil, { call = "muster.Call", db = "muster.Db" }
  for line in (options.read(muster.share .. "/api/types.lua") or ""):gmatch("[^\n]+") do
    class = line:match("^%-%-%-@class (muster%.%w+)") or class
    local object, method = line:match("^function (%w+):([%w_]+)%(")
    local owner, name = named[object], method
    if not object then owner, name = class, line:match("^%-%-%-@field ([%w_]+)%?? fun%(") end
    if owner and name then
      known[owner] = known[owner] or {}
      known[owner][name] = true
    end
  end
  return known
end

local function list(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

--- "muster.Call" for `call`, "muster.Db" for `call.db` and `db`.
local function class_of(object)
  local name = object.kind == "name" and object.name
  if name then return name == "call" and "muster.Call" or name == "db" and "muster.Db" end
  return object.kind == "index" and syntax.constant(object.key) == "db" and object.object.kind == "name"
    and object.object.name == "call" and "muster.Db"
end

--- "muster.money" for `money` where `local money = require "muster.money"`.
local function library_of(object)
  local first = object.kind == "name" and object.variable and object.variable.sets == 0 and object.variable.first
  local required = first and first.kind == "call" and first.object.global and first.object.name == "require"
    and first.args[1] and syntax.constant(first.args[1])
  return required and tostring(required):find("^muster%.") and required
end

--- Methods and functions that there are not.
function rules.functions(out, see, interface)
  for _, call in ipairs(out.calls) do
    local class, name
    if call.kind == "method" then
      class, name = class_of(call.object), call.name
    elseif call.object.kind == "index" then
      class, name = library_of(call.object.object), syntax.constant(call.object.key)
    end
    local known = class and interface[class]
    if known and name and not known[name] then
      see:error(call.line, "call.unknown", "there are " .. list(known), "%s has no function %s",
        class == "muster.Call" and "call" or class == "muster.Db" and "call.db" or class, name)
    end
  end
end

--- The value of a table's field, or nil.
local function field_of(node, name)
  for _, field in ipairs(node and node.kind == "table" and node.fields or {}) do
    if field.key and syntax.constant(field.key) == name then return field.value end
  end
  return nil
end

--- The names of the transitions of `LIFE` where `local LIFE = machine.define { … }`; nil for anything else.
local function transitions_of(object)
  local first = object.kind == "name" and object.variable and object.variable.sets == 0 and object.variable.first
  local defined = first and first.kind == "call" and first.object.kind == "index"
    and syntax.constant(first.object.key) == "define" and field_of(first.args[1], "transitions")
  local names = {}
  for _, field in ipairs(defined and defined.kind == "table" and defined.fields or {}) do
    local name = field_of(field.value, "name")
    name = name and syntax.constant(name)
    if not name then return nil end -- put together when it runs
    names[name] = true
  end
  return defined and names
end

--- LIFE:check(call, row, "close") and LIFE:target(state, "close"), held against the machine in the same file.
function rules.transitions(out, see)
  for _, call in ipairs(out.calls) do
    local at = call.kind == "method" and (call.name == "check" and 3 or call.name == "target" and 2)
    local names = at and call.args[at] and transitions_of(call.object)
    for _, name in ipairs(names and (syntax.texts(call.args[at])) or {}) do
      if not names[name.text] then
        see:error(name.line, "machine.transition", "there are " .. list(names), "the machine has no transition %s",
          name.text)
      end
    end
  end
end

local WRITES = { next = true, emit = true, unit_set = true }
local CHANGES = { INSERT = true, UPDATE = true, DELETE = true, REPLACE = true }

--- The functions that read commands run.
local function read_only(out)
  local found = {}
  for _, node in ipairs(out.tables) do
    local mode, run = field_of(node, "mode"), field_of(node, "run")
    if mode and run and syntax.constant(mode) == "read" then found[run] = true end
  end
  return found
end

--- What a read command cannot do, where it does so itself.
function rules.modes(out, see)
  local reading = read_only(out)
  for _, call in ipairs(out.calls) do
    local inside = call.within
    while inside and not reading[inside] do inside = inside.outer end
    local class = inside and call.kind == "method" and class_of(call.object)
    local sql = class == "muster.Db" and call.args[1] and syntax.constant(call.args[1])
    if class == "muster.Call" and WRITES[call.name] then
      see:error(call.line, "mode.read", 'the command needs mode = "write"', "call:%s in a read command", call.name)
    elseif sql and CHANGES[tostring(sql):upper():match("^%s*(%u+)") or ""] then
      see:error(call.line, "mode.read", 'the command needs mode = "write"', "this statement writes, in a read command")
    end
  end
end

--- A key that stands twice in one table: the first is lost.
function rules.twice(out, see)
  for _, node in ipairs(out.tables) do
    local seen = {}
    for _, field in ipairs(node.fields) do
      local key = field.key and (field.key.kind == "string" or field.key.kind == "number") and field.key.value
      if key and seen[key] then
        see:error(field.line, "table.twice", "leave one out", "the key %s stands in line %d already", tostring(key),
          seen[key])
      end
      if key then seen[key] = seen[key] or field.line end
    end
  end
end

return rules
