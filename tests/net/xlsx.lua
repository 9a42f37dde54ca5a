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

--- A file made by hand: a zip archive that stores its parts as they are. `parts` beside a workbook of one sheet "a".
local crcs = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1 end
  crcs[i] = c
end
local function crc32(bytes)
  local c = 0xFFFFFFFF
  for i = 1, #bytes do c = crcs[(c ~ bytes:byte(i)) & 0xFF] ~ (c >> 8) end
  return c ~ 0xFFFFFFFF
end
local function file(parts)
  local all = {
    ["xl/workbook.xml"] = '<workbook xmlns:r="r"><sheets><sheet name="a" r:id="r1"/></sheets></workbook>',
    ["xl/_rels/workbook.xml.rels"] = '<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>',
  }
  for name, text in pairs(parts) do all[name] = text end
  local body, index, at, count = {}, {}, 0, 0
  for name, text in pairs(all) do
    local sizes = ("<I4I4I4I2I2"):pack(crc32(text), #text, #text, #name, 0)
    local head = ("<I4I2I2I2I2I2"):pack(0x04034b50, 20, 0, 0, 0, 0x21) .. sizes .. name
    index[#index + 1] = ("<I4I2I2I2I2I2I2"):pack(0x02014b50, 20, 20, 0, 0, 0, 0x21) .. sizes
      .. ("<I2I2I2I4I4"):pack(0, 0, 0, 0, at) .. name
    body[#body + 1] = head .. text
    at, count = at + #head + #text, count + 1
  end
  local ends = table.concat(index)
  return table.concat(body) .. ends .. ("<I4I2I2I2I2I4I4I2"):pack(0x06054b50, 0, 0, count, count, #ends, at, 0)
end
--- The sheet's rows from cells as XML, one row each.
local function sheet(rows, head)
  local out = {}
  for i, cells in ipairs(rows) do out[i] = "<row>" .. cells .. "</row>" end
  return ("<worksheet%s><sheetData>%s</sheetData></worksheet>"):format(head or "", table.concat(out))
end
local function rows_of(cells, parts)
  parts = parts or {}
  parts["xl/worksheets/sheet1.xml"] = sheet { cells }
  return parse(file(parts))[1].rows
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

-- Digits beyond the 15 of a spreadsheet are kept: written as texts, read as they stand in the file.
same(rows_of('<c><v>110105194912310021</v></c><c><v>-1234567890123456789</v></c><c><v>0.30000000000000004</v></c><c><v>1E3</v></c>'),
  { { "110105194912310021", "-1234567890123456789", "0.3", "1000" } })
same(rows_of("<c><v>" .. ("7"):rep(90) .. "</v></c>"), { { ("7"):rep(90) } })
local wide_number = write { { name = "a", rows = { { 1234567890123456, -999999999999999 } } } }
local function is_text(number) return write({ { name = "a", rows = { { number } } } }):find("xl/sharedStrings.xml", 1, true) end
assert(is_text(1234567890123456) and not is_text(999999999999999), "integers of 16 digits are texts")
same(parse(wide_number), { { name = "a", rows = { { "1234567890123456", "-999999999999999" } } } })

-- A style says what a number is: a date, a time of day, or hours that were counted and may be more than a day has.
local styles = '<styleSheet><numFmts><numFmt numFmtId="200" formatCode="[h]:mm"/><numFmt numFmtId="201" formatCode="[Red]0"/></numFmts>'
  .. '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="200"/><xf numFmtId="46"/><xf numFmtId="201"/></cellXfs></styleSheet>'
same(rows_of('<c s="0"><v>1.5</v></c><c s="1"><v>43890.75</v></c><c s="1"><v>0.5</v></c><c s="2"><v>1.5</v></c><c s="3"><v>0.25</v></c><c s="4"><v>7</v></c>',
  { ["xl/styles.xml"] = styles }), { { "1.5", "2020-02-29T18:00:00", "12:00:00", "36:00:00", "06:00:00", "7" } })

-- Every text comes back as it was, also one that looks like an escape; characters that XML lacks are left out.
for _, text in ipairs { "_x0041_", "_x0041_x0042_", "a_x005F_x0041_b", "_x41_", "a\rb", "\u{1}", "_x005f_", "_x_", "__x0041_" } do
  same(parse(write { { name = "a", rows = { { text } } } }), { { name = "a", rows = { { text } } } })
end
same(parse(write { { name = "a", rows = { { "甲\u{FFFE}乙\u{FFFF}丙" } } } }), { { name = "a", rows = { { "甲乙丙" } } } })
same(rows_of('<c t="s"><v>0</v></c><c t="inlineStr"><is><t>b_x0009_</t></is></c><c t="str"><v>_x4F0A_</v></c>',
  { ["xl/sharedStrings.xml"] = "<sst><si><t>a_x000D_</t></si></sst>" }), { { "a\r", "b\t", "伊" } })
same(rows_of('<c t="str"><v>_xD83D_ _x0000_ _x12G4_</v></c>'), { { "_xD83D_ _x0000_ _x12G4_" } })
for _, name in ipairs { "a\u{1}", "a\n", "\u{FFFF}" } do
  refused("cnkit.xlsx_sheets", "no control characters", "cnkit.xlsx.write", { sheets = muster.json.encode { { name = name, rows = {} } } })
end

-- Whatever stands in a text column is a text: the file has a part for them, as it has for no number.
for _, cell in ipairs { 0.5, true, 7 } do
  local function has_texts(columns) return write({ { name = "a", rows = { { cell } }, text_cols = columns } }):find("xl/sharedStrings.xml", 1, true) end
  assert(has_texts { 1 } and not has_texts { 2 }, "in a text column: " .. tostring(cell))
end
same(parse(write { { name = "a", rows = { { 0.5, true, 7 } }, text_cols = { 1, 2, 3 } } }), { { name = "a", rows = { { "0.5", "TRUE", "7" } } } })

-- Bounds and mistakes name sheet, row and column.
refused("cnkit.xlsx_sheets", "sheet 1, row 2, column 1", "cnkit.xlsx.write",
  { sheets = '[{"name":"a","rows":[[1],[{}]]}]' })
for _, wrong in ipairs { '"textcols":[1]', '"head":"1"', '"head":101', '"text_cols":1' } do
  refused("cnkit.xlsx_sheets", "sheet 1: ", "cnkit.xlsx.write", { sheets = '[{"name":"a","rows":[],' .. wrong .. "}]" })
end
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

-- A small file that stands for a large reply, or for much work, is refused as soon as that is plain.
same(rows_of("<c t=\"s\"><v>0</v></c>", { ["xl/sharedStrings.xml"] = "<sst><si><t>甲</t></si></sst>" }), { { "甲" } })
local function refused_file(words, parts) refused("cnkit.xlsx_size", words, "cnkit.xlsx.parse", { bytes = file(parts) }) end
refused_file("32767 characters in a cell", { ["xl/sharedStrings.xml"] = "<sst><si><t>" .. ("a"):rep(4 * 32767 + 1) .. "</t></si></sst>",
  ["xl/worksheets/sheet1.xml"] = sheet {} })
refused_file("more than 8 MiB in all", { ["xl/sharedStrings.xml"] = "<sst><si><t>" .. ("a"):rep(4 * 32767) .. "</t></si></sst>",
  ["xl/worksheets/sheet1.xml"] = sheet { ("<c t=\"s\"><v>0</v></c>"):rep(65) } })
refused_file("a tag of more than 1 MiB", { ["xl/worksheets/sheet1.xml"] = sheet({}, ' x="' .. ("a"):rep(2 << 20) .. '"') })

-- A damaged byte anywhere is refused or read, and the server goes on.
for at = 1, #bytes, 97 do
  admin:try("cnkit.xlsx.parse", { bytes = bytes:sub(1, at - 1) .. string.char((bytes:byte(at) + 128) % 256) .. bytes:sub(at + 1) })
end
same(parse(bytes)[1].name, "捐款")
