--- Names as people type them, in one form.
local text = {}

-- Keyboards and old systems write the dot of names such as 古丽米热·艾比布力 in five ways.
local DOTS = { "\u{2022}", "\u{2027}", "\u{30FB}", "\u{FF0E}" }
local DOT = "\u{00B7}"
local WIDE_SPACE = "\u{3000}"

--- The one form in which a name is stored: NFC, one kind of dot, ASCII digits, no outer spaces, and none
-- where every character stands alone: that is how forms fill up a short name (示　例).
function text.normal(call, name)
  name = call:nfc(name)
  for _, dot in ipairs(DOTS) do name = name:gsub(dot, DOT) end
  -- U+FF10 … U+FF19 are EF BC 90 … EF BC 99 in UTF-8
  name = name:gsub("\xEF\xBC([\x90-\x99])", function(c) return string.char(c:byte() - 0x90 + 48) end)
  name = name:gsub("[%s%c]+", " "):gsub(WIDE_SPACE, " "):gsub(" +", " "):gsub("^ ", ""):gsub(" $", "")
  local joined, gaps = name:gsub(" ", "")
  if utf8.len(joined) == gaps + 1 then return joined end
  return name
end

return text
