--- gb18030_differ.lua UTF8 OWN PEER: lines that differ must be of characters whose bytes the standard itself has moved: 24 that were in
--- the private area in GB 18030-2000 and got places of their own with 2005 and 2022. Source: GB 18030-2022, annex; Unicode's
--- "GB 18030" mapping notes.
local function known(c)
  return c >= 0xE78D and c <= 0xE796 or c >= 0xE816 and c <= 0xE864 or c >= 0x9FB4 and c <= 0x9FBB
    or c >= 0xFE10 and c <= 0xFE19 or c == 0x20087 or c == 0x20089 or c == 0x200CC or c == 0x215D7 or c == 0x2298F
    or c == 0x241FE or c == 0x1E3F or c == 0xE7C7
end
local own, peer, lines, differ = io.lines(arg[2]), io.lines(arg[3]), 0, 0
for char in io.lines(arg[1]) do
  local a, b, c = own(), peer(), utf8.codepoint(char)
  lines = lines + 1
  if a ~= b then
    differ = differ + 1
    assert(known(c), ("U+%04X: another code than iconv's"):format(c))
  end
end
assert(lines == 0x110000 - 0x80 - 0x800 and not own() and not peer(), lines .. " lines")
assert(differ <= 52, differ .. " characters differ")
print(("%d characters as iconv has them, %d that the standard moved"):format(lines - differ, differ))
