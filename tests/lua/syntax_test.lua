--- api/tools/syntax.lua reads what Lua reads, and says of names and texts what is so.
package.path = arg[0]:gsub("[^/]*$", "") .. "../../api/tools/?.lua;" .. package.path
local syntax = require("syntax")

local MUTATIONS = 400

local claims = {}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

function claims.every_lua_file_of_the_house_is_read(t)
  for _, pattern in ipairs { "api/*.lua", "api/*/*.lua", "plugins/*/*.lua", "plugins/*/*/*.lua", "scripts/*/*.lua" } do
    for _, path in ipairs(t.files(pattern)) do
      local out, line, why = syntax.parse(read(t.root .. "/" .. path))
      if not out then error(("%s:%s: %s"):format(path, line, why)) end
    end
  end
end

function claims.what_lua_accepts_is_accepted()
  for _, text in ipairs { "", ";;", "return", "return 1,2;", "goto a ::a::", "local x <const>, y <close> = 1", "f{1}'a'[[b]]:c()",
    "a.b.c[1]['x'], d = 1, 2", "for i = 1, 2 do break end", "for k, v in pairs(t) do end", "repeat local z until z",
    "local function f(...) return ... end", "function a.b:c(x, ...) end", "x = -2 ^ -3 .. 'a' == not 1 // 2 ~= #t",
    "return 0x1p4, 1e-2, .5, 3., 0xA.8", "return [==[\n]]]==], '\\z  a\\x41\\65\\u{41}\\\n'", "--[[ a\n]] --[==[ ]] ]==] return",
    "return function() end, {1, a = 2, [3] = 4; f(), ...}, (f())", "a = b < c and d > e or f <= g" } do
    assert(load(text), text)
    local out, _, why = syntax.parse(text)
    if not out then error(("%s: %s"):format(text, why)) end
  end
end

function claims.what_is_no_lua_is_refused(t)
  for text, line in pairs {
    ["x ="] = 1, ["\nif a then"] = 2, ["local 1"] = 1, ["a b"] = 1, ["\na.b"] = 2, ["f() = 1"] = 1, ["a, f()"] = 1, ["'abc"] = 1, ["f("] = 1,
    ["return return"] = 1, ["\n\nend"] = 3, ["x = }"] = 1, ["for i do end"] = 1, ["x = @"] = 1 } do
    local out, at = syntax.parse(text)
    t.same(out, nil, text)
    t.same(at, line, text)
  end
end

--- One byte at a time is changed: whatever Lua still accepts is accepted, and all is read to an end.
function claims.changed_bytes_bring_it_to_no_other_view(t)
  local text = read(t.root .. "/api/lib/money.lua")
  math.randomseed(7)
  local accepted = 0
  for _ = 1, MUTATIONS do
    local at = math.random(#text)
    local changed = text:sub(1, at - 1) .. ("()[]{}=,.:;\"'\\-+a1 \n"):sub(math.random(20)):sub(1, 1) .. text:sub(at + 1)
    if load(changed, "=changed", "t") then
      accepted = accepted + 1
      local out, line, why = syntax.parse(changed)
      if not out then error(("byte %d, line %s: %s"):format(at, line, why)) end
    else
      syntax.parse(changed)
    end
  end
  assert(accepted > 20, "too few were still Lua")
end

local function names(list, wanted)
  local found = {}
  for _, item in ipairs(list) do
    if wanted(item) then found[#found + 1] = item.name .. ":" .. item.line end
  end
  table.sort(found)
  return table.concat(found, " ")
end

function claims.globals_and_unused_names_are_told_apart(t)
  local out = syntax.parse([[
local a, b, c = 1, 2
local function f(x, y) return x end
g = a
function h() return print end
c = 3
do local b = f() end
for i, v in pairs(b) do print(v) end
]])
  t.same(names(out.locals, function(v) return v.uses == 0 end), "b:6 c:1 i:7 y:2")
  t.same(names(out.globals, function(v) return v.assigned end), "g:3 h:4")
  t.same(names(out.globals, function(v) return not v.assigned end), "pairs:7 print:4 print:7")
end

function claims.texts_are_followed_to_where_they_stand(t)
  local out = syntax.parse([[
local A, B = "a", { x = "bx", y = "by" }
local changed = "1"
changed = "2"
f(A .. "-" .. B.x)
f(B[k])
f(A == 1 and "yes" or ("no" .. B[k]))
f(changed)
f("q\n\x41" .. z)
]])
  local function texts(i)
    local found, whole = syntax.texts(out.calls[i].args[1])
    local list = {}
    for _, one in ipairs(found) do list[#list + 1] = one.text end
    return table.concat(list, "|") .. (whole and "" or "|?")
  end
  t.same(texts(1), "a-bx")
  t.same(texts(2), "bx|by")
  t.same(texts(3), "yes|nobx|noby")
  t.same(texts(4), "|?")
  t.same(texts(5), "|?")
end

return claims
