--- The command line of a tool: options, words, its manual, and how it ends.
local options = {}

--- Say why on standard error and end with exit status 2: a wrong use.
function options.misuse(fmt, ...)
  io.stderr:write(("muster %s: %s\n"):format(muster.name, fmt:format(...)),
    ("  muster help %s shows how it is used\n"):format(muster.name))
  muster.exit(2)
end

--- Say why on standard error and end with exit status 1.
function options.fail(fmt, ...)
  io.stderr:write(("muster %s: %s\n"):format(muster.name, fmt:format(...)))
  muster.exit(1)
end

--- `known`: option → "flag", "value" or "values". Returns { words…, option = true | text | {text, …} }. `--help` prints
--- the manual and ends.
function options.parse(manual, known)
  local given, i = {}, 1
  while i <= #muster.args do
    local word = muster.args[i]
    local name, value = word:match("^%-%-([%w-]+)=(.*)$")
    name = name or word:match("^%-%-([%w-]+)$")
    if word == "--help" or word == "-h" then
      io.write(manual)
      muster.exit(0)
    elseif not name then
      if word:sub(1, 1) == "-" and word ~= "-" then options.misuse("unknown option %s", word) end
      given[#given + 1] = word
    elseif not known[name] then
      options.misuse("unknown option --%s", name)
    elseif known[name] == "flag" then
      if value then options.misuse("--%s takes no value", name) end
      given[name] = true
    else
      if not value then
        i = i + 1
        value = muster.args[i] or options.misuse("--%s needs a value", name)
      end
      if known[name] == "values" then
        given[name] = given[name] or {}
        table.insert(given[name], value)
      else
        given[name] = value
      end
    end
    i = i + 1
  end
  return given
end

--- The content of a file, or nil and why not.
function options.read(path)
  local file, why = io.open(path, "rb")
  if not file then return nil, why end
  local text = file:read("a")
  file:close()
  return text
end

--- The plugin's folder as given: absolute, and the plugin's name. Ends the program when it is none.
function options.folder(path)
  local dir = muster.real(path)
  if not dir or muster.kind(dir) ~= "folder" then options.misuse("%s: there is no such folder", path) end
  if muster.kind(dir .. "/manifest.lua") ~= "file" then
    options.misuse("%s: there is no manifest.lua, so this is no plugin; `muster plugin new NAME` makes one", path)
  end
  return dir, dir:match("([^/]+)$")
end

return options
