--- A plugin's folder together with the plugins that it requires.
local family = {}

--- A manifest as data; nil and why not.
function family.manifest(dir)
  local chunk, why = loadfile(dir .. "/manifest.lua", "t", {})
  if not chunk then return nil, why end
  local ok, manifest = pcall(chunk)
  if not ok then return nil, tostring(manifest) end
  if type(manifest) ~= "table" then return nil, dir .. "/manifest.lua: it returns no table" end
  return manifest
end

--- The names of the plugins that it requires.
function family.required(manifest)
  local names = {}
  for key, value in pairs(type(manifest.requires) == "table" and manifest.requires or {}) do
    names[#names + 1] = type(key) == "string" and key or tostring(value)
  end
  table.sort(names)
  return names
end

--- What muster.plugins wants in order to load the plugin in `dir` and all that it requires: from `with`, a list of
--- folders, or else what comes with the program.
function family.sources(dir, with)
  local bundled, own, sources, wanted = muster.share .. "/plugins", {}, { bundled = true, without = {} }, {}
  for _, folder in ipairs(with or {}) do own[folder:match("([^/]+)/*$")] = folder end
  own[dir:match("([^/]+)$")] = dir

  local function want(name)
    if wanted[name] then return end
    wanted[name] = own[name] or bundled .. "/" .. name
    for _, other in ipairs(family.required(family.manifest(wanted[name]) or {})) do want(other) end
  end
  want(dir:match("([^/]+)$"))
  for name, folder in pairs(wanted) do
    -- One of the program's own is loaded as such: its native code lies elsewhere.
    if own[name] and muster.real(folder) ~= muster.real(bundled .. "/" .. name) then sources[#sources + 1] = folder end
  end
  for _, name in ipairs(muster.list(bundled) or {}) do
    if not wanted[name] then table.insert(sources.without, name) end
  end
  return sources
end

--- Is this one of the plugins that came with the program?
function family.is_bundled(dir)
  return muster.real(dir) == muster.real(("%s/plugins/%s"):format(muster.share, dir:match("([^/]+)$")))
end

--- Build the C files of an author's own folder, all of them again with `force`. What the compiler has to say of them,
--- or nil and why it refuses.
function family.compile(dir, force)
  if family.is_bundled(dir) then return "" end
  return muster.compile(dir, force)
end

return family
