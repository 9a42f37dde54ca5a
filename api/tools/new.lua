--- muster plugin new: copies a template, the plugin's name put in.
local options = require "options"

local manual = [[
Usage: muster plugin new NAME --lua | --c [--dir DIR]

Makes the folder of a new plugin: manifest, a command, the one about its health, a role, a migration,
Chinese texts and tests, all of which pass.

  --lua      its code is in Lua
  --c        its code is in C
  --dir DIR  make it in this folder (default: the one you are in)

NAME is small letters and digits and begins with a letter.
]]

local given = options.parse(manual, { lua = "flag", c = "flag", dir = "value" })
local name = given[1]
if not name then options.misuse("which name shall it have?") end
if #given > 1 then options.misuse("what is %s? one name, please", given[2]) end
if not name:match("^[a-z][a-z0-9]*$") or #name > 40 or name == "muster" then
  options.misuse("%s: a plugin's name is at most 40 small letters and digits, begins with a letter, and is not muster",
    name)
end
if (given.lua and given.c) or not (given.lua or given.c) then options.misuse("in which language? --lua or --c") end

local parent = given.dir or "."
if muster.kind(parent) ~= "folder" then options.misuse("--dir %s: there is no such folder", parent) end
local target = parent .. "/" .. name
if muster.kind(target) then options.fail("%s is there already; nothing was written", target) end

local made = 0

local function write(path, text)
  local file, why = io.open(path, "wb")
  if not file then options.fail("%s", why) end
  if not (file:write(text) and file:close()) then options.fail("%s cannot be written", path) end
  made = made + 1
end

local function copy(from, to)
  local why = muster.make_folder(to)
  if why then options.fail("%s: %s", to, why) end
  for _, entry in ipairs(muster.list(from) or {}) do
    local source, as = from .. "/" .. entry, to .. "/" .. entry:gsub("@NAME@", name)
    if muster.kind(source) == "folder" then
      copy(source, as)
    else
      write(as, (muster.read_file(source):gsub("@NAME@", name)))
    end
  end
end

local template = ("%s/api/templates/%s"):format(muster.share, given.lua and "lua" or "c")
if muster.kind(template) ~= "folder" then
  options.fail("%s is missing: MUSTER_SHARE names the folder of api/ and plugins/", template)
end
copy(template, target)
if given.lua then
  -- lua-language-server finds the stubs there; the package leaves files with a dot out
  write(target .. "/.luarc.json", ([[
{
  "runtime.version": "Lua 5.4",
  "workspace.library": [%s],
  "workspace.ignoreDir": ["tools", "templates"]
}
]]):format(muster.json.encode(muster.share .. "/api")))
end
print(("%s: %d files. Next: muster plugin test %s"):format(target, made, target))
