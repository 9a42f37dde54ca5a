--- The world of a plugin's Lua code, as host/script makes it: which globals there are, and an environment with just
--- these, for the specs of pure modules.
local sandbox = {}

sandbox.globals = { string = true, table = true, math = true, utf8 = true, coroutine = true, muster = true }
for name in ([[assert collectgarbage error getmetatable ipairs load next pairs pcall print rawequal rawget rawlen rawset
  require select setmetatable tonumber tostring type xpcall _G]]):gmatch("%S+") do sandbox.globals[name] = true end

--- What stock Lua has and the sandbox has not, by library.
sandbox.missing = { string = { dump = true }, math = { random = true, randomseed = true } }

local function closed(_, name)
  error(("undefined name '%s' (no global variables, no io, os, debug)"):format(tostring(name)), 2)
end

--- An environment and its `require`: modules of the plugin NAME lie in `dir`, `own` are ready-made ones.
function sandbox.new(name, dir, own)
  local env, loaded = {}, own
  for global in pairs(sandbox.globals) do
    local value = _G[global]
    if type(value) == "table" and global ~= "_G" then
      local copy = {}
      for key, inner in pairs(value) do
        if not (sandbox.missing[global] or {})[key] then copy[key] = inner end
      end
      value = copy
    end
    env[global] = value
  end
  env._G, env.muster = env, { null = muster.null, json = muster.json }

  local function path_of(module)
    local lib = module:match("^muster%.([%w_]+)$")
    if lib then return ("%s/api/lib/%s.lua"):format(muster.share, lib) end
    local inner = module:match("^" .. name .. "%.([%w_.]+)$")
    return inner and ("%s/%s.lua"):format(dir, (inner:gsub("%.", "/")))
  end

  function env.require(module)
    if loaded[module] == nil then
      local path = path_of(module)
      if not path then
        error(("require %s: a plugin's modules are %s.NAME, the library's muster.NAME"):format(module, name), 2)
      end
      local chunk, why = loadfile(path, "t", env)
      if not chunk then error(why, 2) end
      local value = chunk()
      loaded[module] = value == nil and true or value
    end
    return loaded[module]
  end
  return setmetatable(env, { __index = closed, __newindex = closed, __metatable = false })
end

return sandbox
