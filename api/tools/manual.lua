--- muster plugin manual: the reference manual, made from the declarations.
local manual_c = require "manual_c"
local manual_commands = require "manual_commands"
local manual_lua = require "manual_lua"
local options = require "options"

local manual = [[
Usage: muster plugin manual DIR [--with DIR]…
       muster plugin manual --all FOLDER

Prints what the plugin in DIR declares as a page of Markdown: its commands with arguments, replies and limits, its
figures, settings and roles.

  --with DIR    take a required plugin from this folder, not from those that came with the program
  --all FOLDER  write the pages of everything that came with the program: commands/NAME.md for each plugin and the
                host, LUA.md and C.md for the interfaces, and README.md, which lists them
]]

local given = options.parse(manual, { with = "values", all = "value" })

local function declared(folders, bundled)
  folders.bundled = bundled
  local plugins, why = muster.plugins(folders)
  return plugins and plugins:declared() or options.fail("%s", why)
end

local function write(path, text)
  local file, why = io.open(path, "wb")
  if not file then options.fail("%s", why) end
  file:write(text)
  file:close()
end

--- One page of everything that `name` declares.
local function plugin_page(all, name)
  for _, p in ipairs(all.plugins) do
    if p.name == name then return manual_commands.page(all, p) end
  end
  options.fail("the plugin %s is not loaded", name)
end

local HOST = { name = "muster", summary = "The host's own commands.", summary_zh = "系统自身的命令", requires = {} }

local INDEX = [[
# The reference

Made from the declarations by `./dev manual`; a test compares these pages with them. Change those, not these.

| page | what it tells |
|---|---|
| [LUA.md](LUA.md) | what a plugin in Lua may use: from `types.lua`, the stubs for lua-language-server |
| [C.md](C.md) | what a plugin in C may use: from `muster.h` |
| [PROTOCOL.md](PROTOCOL.md) | how clients speak with the server (written by hand, as are the next three) |
| [OPERATING.md](OPERATING.md) | running a server: plugins, keys, trouble, copies |
| [PACKAGES.md](PACKAGES.md) | what is in a package, read with tar, sha256sum and openssl |
| [TESTING.md](TESTING.md) | transcripts and specs: the tests of a plugin |
]]

local function write_all(folder)
  local why = muster.kind(folder) ~= "folder" and muster.make_folder(folder)
    or muster.kind(folder .. "/commands") ~= "folder" and muster.make_folder(folder .. "/commands")
  if why then options.fail("%s", why) end
  local all = declared({}, true)
  local pages = { HOST }
  for _, p in ipairs(all.plugins) do pages[#pages + 1] = p end
  table.sort(pages, function(a, b) return a.name < b.name end)
  local index = { INDEX }
  for _, p in ipairs(pages) do
    write(("%s/commands/%s.md"):format(folder, p.name), manual_commands.page(all, p))
    index[#index + 1] = ("| [commands/%s.md](commands/%s.md) | %s %s |\n"):format(p.name, p.name, p.summary,
      p.summary_zh or "")
  end
  for name, page in pairs { ["types.lua"] = manual_lua, ["muster.h"] = manual_c } do
    local text, unread = options.read(muster.share .. "/api/" .. name)
    if not text then options.fail("%s", unread) end
    write(folder .. page.name, page.page(text))
  end
  write(folder .. "/README.md", table.concat(index))
end

if given.all then
  if #given > 0 or given.with then options.misuse("--all takes no folder of a plugin") end
  write_all(given.all)
else
  if #given ~= 1 then options.misuse("which folder? one DIR, please, or --all FOLDER") end
  local dir, name = options.folder(given[1])
  local folders = { dir }
  for _, other in ipairs(given.with or {}) do folders[#folders + 1] = options.folder(other) end
  io.write(plugin_page(declared(folders, true), name))
end
