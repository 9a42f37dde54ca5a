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

function claims.every_refusal_has_a_chinese_text(t)
  local seen = 0
  local plugins = each_plugin(t, function(dir, locale)
    local sources = t.files(dir .. "/*.lua")
    local uses = {}
    for _, path in ipairs(sources) do
      local source = t.read(path)
      for lib in source:gmatch('require%s*%(?"muster%.(%w+)"') do uses["api/lib/" .. lib .. ".lua"] = true end
      for fmt in pairs(formats(source)) do
        seen = seen + 1
        assert(locale[fmt], path .. ": no Chinese text for: " .. fmt)
      end
    end
    for path in pairs(uses) do
      for fmt in pairs(formats(t.read(path))) do
        assert(locale[fmt], dir .. " uses " .. path .. " but its locale lacks: " .. fmt)
      end
    end
  end)
  assert(plugins >= 4 and seen >= 60, "the scan found only " .. seen .. " texts in " .. plugins .. " plugins")
end

function claims.both_texts_have_the_same_items(t)
  each_plugin(t, function(dir, locale)
    for en, zh in pairs(locale) do
      t.same(items(zh), items(en), dir .. ": " .. en)
      assert(zh ~= en and zh:find("[\x80-\xff]"), dir .. ": not Chinese: " .. zh)
    end
  end)
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
