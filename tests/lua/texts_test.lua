--- Every text a plugin refuses with has a Chinese one with the same items in the same order.
local claims = {}

--- The % items of a format, in order.
local function items(text)
  local list = {}
  for item in text:gsub("%%%%", ""):gmatch("%%[%-%d%.]*(%a)") do list[#list + 1] = item end
  return table.concat(list)
end

--- The end of the literal text that begins at `from`.
local function literal_end(source, from)
  local quote, at = source:sub(from, from), from + 1
  while source:sub(at, at) ~= quote do at = at + (source:sub(at, at) == "\\" and 2 or 1) end
  return at
end

--- The first literal text of a call's arguments, from behind its parenthesis, that is no code (CAPITALS) and stands
-- outside the table of details.
local function first_text(source, at)
  local depth = 0
  while true do
    local c = source:sub(at, at)
    if c == "" or depth == 0 and c == ")" then return nil end
    if c == '"' or c == "'" then
      local last = literal_end(source, at)
      local text = assert(load("return " .. source:sub(at, last)))()
      if depth == 0 and not text:match("^%u+$") then return text end
      at = last
    elseif c == "{" or c == "(" then
      depth = depth + 1
    elseif c == "}" or c == ")" then
      depth = depth - 1
    end
    at = at + 1
  end
end

--- Formats of every `call:fail(…)` in a source.
local function formats(source)
  local found = {}
  for at in source:gmatch(":fail%(()") do
    local text = first_text(source, at)
    if text then found[text] = true end
  end
  return found
end

local function each_plugin(t, run)
  local dirs = t.files("plugins/*/init.lua")
  for _, path in ipairs(dirs) do
    local dir = path:match("^(.*)/init%.lua$")
    local locale = t.files(dir .. "/locale/zh-CN.lua")[1]
    run(dir, locale and dofile(t.root .. "/" .. locale) or {})
  end
  return #dirs
end

--- What the library says for every plugin.
local function library(t) return dofile(t.root .. "/api/lib/locale/zh-CN.lua") end

function claims.every_refusal_of_the_library_has_a_chinese_text(t)
  local seen, locale = {}, library(t)
  for _, path in ipairs(t.files("api/lib/*.lua")) do
    for fmt in pairs(formats(t.read(path))) do
      seen[fmt] = true
      assert(locale[fmt], path .. ": no Chinese text for: " .. fmt)
    end
  end
  assert(seen["%s needs %s"] and seen["there is no %s %s"], "the scan overlooks the library")
  for fmt in pairs(locale) do assert(seen[fmt], "the library says nowhere: " .. fmt) end
end

function claims.every_refusal_has_a_chinese_text(t)
  local seen, common = 0, library(t)
  local plugins = each_plugin(t, function(dir, locale)
    for _, path in ipairs(t.files(dir .. "/*.lua")) do
      for fmt in pairs(formats(t.read(path))) do
        seen = seen + 1
        assert(locale[fmt] or common[fmt], path .. ": no Chinese text for: " .. fmt)
      end
    end
  end)
  assert(plugins >= 4 and seen >= 60, "the scan found only " .. seen .. " texts in " .. plugins .. " plugins")
end

function claims.both_texts_have_the_same_items(t)
  local function check(dir, locale)
    for en, zh in pairs(locale) do
      t.same(items(zh), items(en), dir .. ": " .. en)
      assert(zh ~= en and zh:find("[\x80-\xff]"), dir .. ": not Chinese: " .. zh)
    end
  end
  check("api/lib", library(t))
  each_plugin(t, check)
end

function claims.every_declaration_has_both_summaries(t)
  local count = 0
  for _, path in ipairs(t.files("plugins/*/*.lua")) do
    for body in t.read(path):gmatch("summary%s*=%s*(%b{})") do
      count = count + 1
      assert(body:find("en%s*=%s*") and body:find('["zh-CN"]', 1, true), path .. ": " .. body)
    end
  end
  assert(count > 60, "only " .. count .. " summaries found")
end

function claims.the_scan_finds_a_missing_text(t)
  local found = formats([[call:fail("STATE", { rule = "a.b", arg = f("x") }, "no %s in {%d}", a, b)
    call:fail(x and "ARG" or "STATE", 'blank "x"')]])
  t.same(found, { ["no %s in {%d}"] = true, ['blank "x"'] = true })
end

return claims
