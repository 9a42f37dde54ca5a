local text = require "muster.text"

local claims = {}
local call = { nfc = function(_, s) return s end }

function claims.names_have_one_form(t)
  local cases = {
    ["古丽米热•艾比布力"] = "古丽米热·艾比布力", ["古丽‧艾力"] = "古丽·艾力", ["古丽・艾力"] = "古丽·艾力",
    ["古丽．艾力"] = "古丽·艾力", ["  示例公司　"] = "示例公司", ["示例站１２"] = "示例站12", ["ab\t\ncd"] = "ab cd", ["　"] = "",
    ["党组副书记 副局长"] = "党组副书记 副局长",
  }
  for typed, name in pairs(cases) do t.same(text.normal(call, typed), name, typed) end
end

--- Forms fill up short names with spaces; names of several words keep theirs.
function claims.a_name_filled_up_with_spaces_is_joined(t)
  t.same(text.normal(call, "示　例"), "示例")
  t.same(text.normal(call, " 示 例 一"), "示例一")
  t.same(text.normal(call, "Ali Veli"), "Ali Veli")
end

return claims
