--- api/types.lua knows everything a plugin meets, and nothing else.
local claims = {}

local function read(t, path)
  local file = assert(io.open(t.root .. "/" .. path))
  local text = file:read("a")
  file:close()
  return text
end

--- The classes of the stubs: name → set of its fields and functions.
local function stubs(t)
  local classes, class, of = {}, nil, {}
  for line in (read(t, "api/types.lua") .. "\n"):gmatch("(.-)\n") do
    local name = line:match("^%-%-%-@class (%S+)")
    local field = line:match("^%-%-%-@field ([%w_]+)")
    local variable = line:match("^local (%w+) = {}") or line:match("^(%w+) = {}")
    local owner, method = line:match("^function (%w+)[:.]([%w_]+)%(")
    if name then
      class = {}
      classes[name] = class
    end
    if field and class then class[field] = true end
    if variable then of[variable] = class end
    local methods = of[owner]
    if methods then methods[method] = true end
  end
  return classes
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

function claims.each_module_of_the_library_is_described(t)
  local classes, modules = stubs(t), 0
  for _, path in ipairs(t.files("api/lib/*.lua")) do
    local name, has = path:match("(%w+)%.lua$"), {}
    for key in pairs(require("muster." .. name)) do has[key] = true end
    t.same(sorted(classes["muster." .. name] or {}), sorted(has), "muster." .. name)
    modules = modules + 1
  end
  assert(modules > 0, "no modules found")
end

--- The quoted names in the piece of a C file that `from` begins and "}" and ";" end.
local function names_in(text, from, pattern)
  local piece, set = assert(text:match(from .. ".-};"), "no " .. from), {}
  for name in piece:gmatch(pattern) do set[name] = true end
  return set
end

function claims.call_is_described(t)
  local source = read(t, "host/script/binding.c")
  local has = names_in(source, "luaL_Reg methods%[%] = ", '{"([%w_]+)"')
  for name in pairs(names_in(source, "fields%[%] = ", '"([%w_]+)"')) do has[name] = true end
  t.same(sorted(stubs(t)["muster.Call"]), sorted(has))
end

function claims.call_db_is_described(t)
  local has = names_in(read(t, "host/script/db.c"), "luaL_Reg methods%[%] = ", '{"([%w_]+)"')
  t.same(sorted(stubs(t)["muster.Db"]), sorted(has))
end

function claims.each_parameter_is_annotated(t)
  local params, functions = {}, 0
  for line in (read(t, "api/types.lua") .. "\n"):gmatch("(.-)\n") do
    local name, signature = line:match("^function ([%w_.:]+)%((.-)%) end$")
    local param = line:match("^%-%-%-@param ([%w_.]+)%??%s+%S")
    if param then params[#params + 1] = param end
    if name then
      t.same(table.concat(params, ", "), signature, name)
      functions = functions + 1
    end
    if line == "" or name then params = {} end
  end
  assert(functions > 10, "no functions found")
end

function claims.each_type_that_is_named_is_defined(t)
  local text = read(t, "api/types.lua")
  local defined, named = {}, 0
  for name in text:gmatch("%-%-%-@%l+ (muster%.%w+)") do defined[name] = true end
  for line in text:gmatch("%-%-%-@%l+ [^\n]*") do
    -- texts in quotes and those about `require` name modules
    for name in line:gsub('"[^"]*"', ""):gmatch("muster%.%u%w*") do
      assert(defined[name], name .. " is not defined: " .. line)
      named = named + 1
    end
  end
  assert(named > 10, "no types found")
end

function claims.the_stubs_are_lua(t)
  assert(load(read(t, "api/types.lua"), "=types.lua", "t", {}))()
end

--- The manual shows types whole, and each form of a function.
function claims.the_manual_drops_nothing_of_a_type_or_a_form()
  package.path = arg[0]:gsub("[^/]*$", "") .. "../../api/tools/?.lua;" .. package.path
  local page = require("manual_lua").page([[
--- Rows.
---@param a string
---@return table<string, any>? by name
---@overload fun(self: x.Y, b: string, ...: string|integer): any
function y:rows(a, b) end
]])
  for _, words in ipairs { "Returns `table<string, any>?` by name\n", "Also as `y:rows(b, ...)`.\n", "| `a` | `string` |" } do
    assert(page:find(words, 1, true), words .. " is not in\n" .. page)
  end
end

return claims
