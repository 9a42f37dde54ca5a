--- Money is an integer number of fen. These functions read and write it for people; nothing else
-- in the project ever holds yuan.
local money = {}

local MAX_FEN = 9007199254740991 -- 2^53 - 1: what every client language can hold exactly

--- 6965000 -> "69,650.00". Negative amounts keep their sign.
function money.yuan(fen)
  local sign = fen < 0 and "-" or ""
  if fen < 0 then fen = -fen end
  local yuan = tostring(fen // 100)
  local grouped = yuan:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return string.format("%s%s.%02d", sign, grouped, fen % 100)
end

--- "69,650.00", "69650", "69650.5" -> 6965000 and so on. Commas only where thousands end.
-- Returns nil and the reason for anything else, and for more than 2^53-1 fen.
function money.parse(text)
  local whole, cents = text:match("^(%d[%d,]*)%.?(%d*)$")
  if not whole then return nil, "not an amount in yuan" end
  if text:sub(-1) == "." or #cents > 2 then return nil, "at most two digits after the point" end
  if whole:find(",", 1, true) then
    if not (whole:match("^%d%d?%d?,") and whole:gsub(",%d%d%d", ""):match("^%d+$")) then
      return nil, "commas must part thousands"
    end
    whole = whole:gsub(",", "")
  end
  if #whole > 14 then return nil, "too large" end
  local fen = math.tointeger(tonumber(whole)) * 100 + math.tointeger(tonumber((cents .. "00"):sub(1, 2)))
  if fen > MAX_FEN then return nil, "too large" end
  return fen
end

local DIGITS = { [0] = "零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖" }
local PLACES = { "仟", "佰", "拾", "" }
local GROUPS = { "", "万", "亿", "万亿" }
local GROUP_SIZES = { 1, 10000, 100000000, 1000000000000 }

--- Four digits as words. `started`: whether higher digits were written, so that a gap needs 零;
-- `gap`: whether the group above was all zeros.
local function group_words(n, started, gap)
  local words = {}
  for i, unit in ipairs { 1000, 100, 10, 1 } do
    local digit = n // unit % 10
    if digit == 0 then
      gap = true
    else
      if gap and started then words[#words + 1] = "零" end
      words[#words + 1] = DIGITS[digit] .. PLACES[i]
      started, gap = true, false
    end
  end
  return table.concat(words), started
end

--- 6965000 -> "陆万玖仟陆佰伍拾元整", as receipts print it. `fen`: 0 .. 2^53-1.
-- Follows the rules for filling in bills (正确填写票据和结算凭证的基本规定).
function money.words(fen)
  local yuan, jiao, cent = fen // 100, fen // 10 % 10, fen % 10
  local words, started, gap = {}, false, false
  for g = 4, 1, -1 do
    local n = yuan // GROUP_SIZES[g] % 10000
    if n > 0 then
      local part
      part, started = group_words(n, started, gap)
      words[#words + 1] = part .. GROUPS[g]
    end
    gap = n == 0
  end
  local text = table.concat(words)
  if text ~= "" then text = text .. "元" end
  if jiao == 0 and cent == 0 then return (text == "" and "零元" or text) .. "整" end
  if jiao > 0 then
    text = text .. DIGITS[jiao] .. "角"
  elseif text ~= "" then
    text = text .. "零"
  end
  return text .. (cent > 0 and DIGITS[cent] .. "分" or "整")
end

--- Sum of one integer field over rows; missing counts as 0.
function money.sum(rows, field)
  local total = 0
  for _, row in ipairs(rows) do total = total + (row[field] or 0) end
  return total
end

return money
