--- What is written into an XLSX file comes out of it again, and what is no such file is refused.
local admin = muster.connect { name = "xlsx" }

local function write(sheets) return admin:call("cnkit.xlsx.write", { sheets = muster.json.encode(sheets), lang = "en" }) end
local function parse(bytes) return admin:call("cnkit.xlsx.parse", { bytes = bytes, lang = "en" }).sheets end
local function refused(rule, words, command, args)
  args.lang = "en"
  local _, err = admin:try(command, args)
  assert(err and err.rule == rule and err.text:find(words, 1, true), command .. ": " .. tostring(err))
end
local function same(got, wanted)
  got, wanted = muster.json.encode(got), muster.json.encode(wanted)
  assert(got == wanted, "got " .. got .. ", wanted " .. wanted)
end

-- Texts stay texts, long numbers keep their digits, gaps stay gaps.
local rows = {
  { "姓名", "证件号码", "金额", "备注" },
  { "古丽米热·艾力", 110105194912310021, 6965000, "=1+1" },
  { "", "", "", "空格 之后" },
  { "<&>\"", "007", -5, "行\n二" },
}
local bytes = write { { name = "捐款", head = 1, rows = rows, text_cols = { 2 } }, { name = "空", rows = {} } }
assert(bytes:sub(1, 2) == "PK", "it is a zip archive")
assert(bytes == write { { name = "捐款", head = 1, rows = rows, text_cols = { 2 } }, { name = "空", rows = {} } },
  "the same sheets give the same bytes")
same(parse(bytes), { { name = "捐款", rows = { { "姓名", "证件号码", "金额", "备注" },
  { "古丽米热·艾力", "110105194912310021", "6965000", "=1+1" }, { "", "", "", "空格 之后" },
  { "<&>\"", "007", "-5", "行\n二" } } }, { name = "空", rows = muster.json.decode("[]") } })
same(parse(write { { name = "a", rows = { { 9007199254740993, true, muster.null, "" }, { 0.1 } } } }),
  { { name = "a", rows = { { "9007199254740993", "TRUE" }, { "0.1" } } } })

-- Bounds and mistakes name sheet, row and column.
refused("cnkit.xlsx_sheets", "sheet 1, row 2, column 1", "cnkit.xlsx.write",
  { sheets = '[{"name":"a","rows":[[1],[{}]]}]' })
refused("cnkit.xlsx_sheets", "no other sheet has it", "cnkit.xlsx.write",
  { sheets = '[{"name":"a","rows":[]},{"name":"A","rows":[]}]' })
refused("cnkit.xlsx_sheets", "1 to 50 sheets", "cnkit.xlsx.write", { sheets = "[]" })
local wide = {}
for i = 1, 257 do wide[i] = i end
refused("cnkit.xlsx_size", "sheet 1, row 1", "cnkit.xlsx.write",
  { sheets = muster.json.encode { { name = "a", rows = { wide } } } })

-- What is no XLSX file.
refused("cnkit.xlsx_file", "no XLSX file", "cnkit.xlsx.parse", { bytes = "hello" })
refused("cnkit.xlsx_file", "old .xls", "cnkit.xlsx.parse", { bytes = "\xD0\xCF\x11\xE0rest" })
for _, cut in ipairs { 10, #bytes // 2, #bytes - 1 } do
  local _, err = admin:try("cnkit.xlsx.parse", { bytes = bytes:sub(1, cut) })
  assert(err and err.rule == "cnkit.xlsx_file", "a file cut off after " .. cut .. " bytes: " .. tostring(err))
end

-- A damaged byte anywhere is refused or read, and the server goes on.
for at = 1, #bytes, 97 do
  admin:try("cnkit.xlsx.parse", { bytes = bytes:sub(1, at - 1) .. string.char((bytes:byte(at) + 128) % 256) .. bytes:sub(at + 1) })
end
same(parse(bytes)[1].name, "捐款")
