local money = require "muster.money"

local claims = {}

function claims.yuan_groups_thousands(t)
  t.same(money.yuan(6965000), "69,650.00")
  t.same(money.yuan(0), "0.00")
  t.same(money.yuan(5), "0.05")
  t.same(money.yuan(100000000000), "1,000,000,000.00")
  t.same(money.yuan(-123456), "-1,234.56")
end

function claims.parse_reads_what_yuan_writes(t)
  for _, fen in ipairs { 0, 1, 99, 100, 123456, 6965000, 9007199254740991 } do
    t.same(money.parse(money.yuan(fen)), fen)
  end
  t.same(money.parse("69650"), 6965000)
  t.same(money.parse("69650.5"), 6965050)
end

function claims.parse_refuses_what_is_no_amount(t)
  for _, text in ipairs { "", "abc", "-1", "1.", ".5", "1.234", "1,23", "12345,678", ",123", "1,", "1,,000", "１０",
    "999999999999999", "90071992547409.92" } do
    t.same(money.parse(text), nil, text)
  end
end

function claims.words_follow_the_rules_for_bills(t)
  local cases = {
    [6965000] = "陆万玖仟陆佰伍拾元整", [0] = "零元整", [5] = "伍分", [10] = "壹角整", [11] = "壹角壹分",
    [100] = "壹元整", [1010] = "壹拾元壹角整", [100005] = "壹仟元零伍分", [10000000] = "壹拾万元整",
    [10000100] = "壹拾万零壹元整", [10000100000] = "壹亿零壹仟元整", [1000000000000] = "壹佰亿元整",
    [20000] = "贰佰元整", [10700] = "壹佰零柒元整", [1000000100] = "壹仟万零壹元整",
  }
  for fen, words in pairs(cases) do t.same(money.words(fen), words, tostring(fen)) end
end

function claims.sum_counts_missing_as_nothing(t)
  t.same(money.sum({ { fen = 1 }, {}, { fen = 41 } }, "fen"), 42)
  t.same(money.sum({}, "fen"), 0)
end

return claims
