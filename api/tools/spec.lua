--- Specs of pure Lua modules, `require "muster.spec"` in tests/*_spec.lua:
---
---   spec.describe("a greeting", function()
---     spec.it("names the guest", function()
---       spec.expect(words.greeting("World")):equals("Hello, World!")
---       spec.expect(function() words.greeting(nil) end):fails("concatenate")
---     end)
---   end)
---
--- The same without grouping: spec.it(…) alone.
local spec = { checks = 0, failures = {} }

local path = {}

local function show(value, depth)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" or depth > 4 then return value == muster.null and "null" or tostring(value) end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local name = math.type(key) == "integer" and key <= #value and "" or tostring(key) .. " = "
    parts[#parts + 1] = name .. show(value[key], depth + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local expectation = {}
expectation.__index = expectation

local function fail(expected, got)
  local info = debug.getinfo(3, "Sl")
  error({ why = ("%s:%d: %s\n  expected  %s\n  got       %s"):format(info.short_src, info.currentline,
    table.concat(path, " "), expected, got) })
end

function expectation:equals(wanted)
  spec.checks = spec.checks + 1
  if not same(self.value, wanted) then fail(show(wanted, 0), show(self.value, 0)) end
end

--- The value is a text that holds these words.
function expectation:contains(words)
  spec.checks = spec.checks + 1
  if type(self.value) ~= "string" or not self.value:find(words, 1, true) then
    fail("a text with " .. show(words, 0), show(self.value, 0))
  end
end

--- The value is a function that raises an error with these words.
function expectation:fails(words)
  spec.checks = spec.checks + 1
  local ok, err = pcall(self.value)
  if ok then fail("an error with " .. show(words, 0), "no error") end
  if not tostring(err):find(words, 1, true) then fail("an error with " .. show(words, 0), tostring(err)) end
end

function spec.expect(value) return setmetatable({ value = value }, expectation) end

function spec.describe(what, run)
  path[#path + 1] = what
  run()
  path[#path] = nil
end

function spec.it(what, run)
  path[#path + 1] = what
  local ok, err = xpcall(run, function(e) return type(e) == "table" and e.why or debug.traceback(tostring(e), 2) end)
  if not ok then spec.failures[#spec.failures + 1] = err end
  path[#path] = nil
end

return spec
