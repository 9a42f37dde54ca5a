--- tutorial.lua FILE [SECTION]: a section (default "Tutorial") as a shell script on standard output. A block below a line that begins
--- with `a/path` is that file, one marked sh is commands, and one without a mark and without a path is what the
--- commands before it print: lines that must come in this order, "…" standing for anything.
---
--- It ends with an error when a file is longer than promised: a plugin in Lua has fewer than 20 lines, in C than 40.
local LIMITS = { hello = 20, tally = 40 }

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local section = arg[2] or "Tutorial"
local blocks, files, path, block, inside = {}, {}, nil, nil, false
for line in io.lines(arg[1]) do
  if line:find("^## ") and not block then inside = line:find("## " .. section, 1, true) == 1 end
  if inside and block and line == "```" then
    blocks[#blocks + 1], block, path = block, nil, nil
  elseif inside and block then
    block[#block + 1] = line
  elseif inside and line:find("^```") then
    block = { mark = line:sub(4), path = path }
  elseif inside and line ~= "" then
    path = line:match("^`([%w_/.-]+%.[%w]+)`")
  end
end
assert(#blocks > 0, ("no %s in %s"):format(section, arg[1]))

print("set -eu")
for i, b in ipairs(blocks) do
  local text = table.concat(b, "\n") .. "\n"
  if b.path then
    local plugin = b.path:match("^[^/]+")
    files[plugin] = (files[plugin] or 0) + #b
    print(("mkdir -p %s\nprintf %%s %s >%s"):format(quote(b.path:match("^(.*)/")), quote(text), quote(b.path)))
  elseif b.mark == "sh" then
    print((": >out\n{\n%s} >>out 2>&1 || { cat out; echo 'block %d failed'; exit 1; }"):format(text, i))
  else
    assert(b.mark == "", "a block of " .. b.mark .. " without a path")
    print(("lua5.4 %s %s out"):format(quote(arg[0]:gsub("tutorial%.lua$", "in_order.lua")), quote(text)))
  end
end
for plugin, limit in pairs(section == "Tutorial" and LIMITS or {}) do
  assert(files[plugin] and files[plugin] < limit, ("%s has %d lines"):format(plugin, files[plugin] or 0))
end
