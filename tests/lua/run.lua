--- Runs the unit tests of api/lib and of the plugins' texts with stock Lua 5.4: lua5.4 tests/lua/run.lua [NAME…]
--- Each file *_test.lua returns a table { claim = function(t) … end }. Prints `ok NAME` or `not ok NAME: why`.
local root = arg[0]:match("^(.*)/tests/lua/[^/]*$") or "."

--- Modules as the host finds them: muster.NAME is api/lib/NAME.lua.
table.insert(package.searchers, 2, function(name)
  local lib = name:match("^muster%.(%w+)$")
  return lib and loadfile(root .. "/api/lib/" .. lib .. ".lua")
end)

local t = { root = root }

function t.same(got, wanted, what)
  local function show(v)
    if type(v) ~= "table" then return tostring(v) end
    local parts = {}
    for k, e in pairs(v) do parts[#parts + 1] = tostring(k) .. "=" .. show(e) end
    table.sort(parts)
    return "{" .. table.concat(parts, ", ") .. "}"
  end
  if show(got) ~= show(wanted) then
    error((what and what .. ": " or "") .. "got " .. show(got) .. ", wanted " .. show(wanted), 2)
  end
end

--- `run` must fail, with a text holding `words`.
function t.fails(words, run, ...)
  local ok, err = pcall(run, ...)
  if ok then error("did not fail, wanted: " .. words, 2) end
  if not tostring(err):find(words, 1, true) then error("failed with " .. tostring(err) .. ", wanted: " .. words, 2) end
end

--- Files matching a shell pattern below the root, as paths relative to it.
function t.files(pattern)
  local files, pipe = {}, io.popen("cd '" .. root .. "' && ls -d " .. pattern .. " 2>/dev/null")
  for line in pipe:lines() do files[#files + 1] = line end
  pipe:close()
  return files
end

function t.read(path)
  local file = assert(io.open(root .. "/" .. path))
  local text = file:read("a")
  file:close()
  return text
end

local passed, failed = 0, 0
local wanted = {}
for _, name in ipairs(arg) do wanted[name] = true end

for _, path in ipairs(t.files("tests/lua/*_test.lua")) do
  local suite = path:match("([^/]+)_test%.lua$")
  if not next(wanted) or wanted[suite] then
    local claims, names = dofile(root .. "/" .. path), {}
    for name in pairs(claims) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      local ok, err = xpcall(claims[name], function(e) return tostring(e) end, t)
      if ok then passed = passed + 1 else failed = failed + 1 end
      print((ok and "ok " or "not ok ") .. suite .. "." .. name .. (ok and "" or ": " .. err))
    end
  end
end
print(passed .. " passed, " .. failed .. " failed")
os.exit(failed == 0 and passed > 0 and 0 or 1)
