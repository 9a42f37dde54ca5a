return {
  ["the name has more than 200 characters once it is composed"] = "姓名超过 200 字",
  ["the text has more than 4000 characters once it is composed"] = "文本超过 4000 字",
  ["the file holds half a character of UTF-16"] = "文件中有不完整的 UTF-16 字符",
  ["ICU lacks its converter"] = "ICU 缺少所需的转换器",
  ["the file is no text: character %s is NUL (byte %s)"] = "文件不是文本:第 %s 个字节为空字符(%s)",
  ["the file is not GB18030: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件不是 GB18030 编码:第 %s 个字节为 %s;请另存为 UTF-8 后重新提交",
  ["the file is neither UTF-8 nor GB18030: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件既不是 UTF-8 也不是 GB18030 编码:第 %s 个字节为 %s;请另存为 UTF-8 后重新提交",
  ["the file is not UTF-8: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件不是 UTF-8 编码:第 %s 个字节为 %s;请另存为 UTF-8 后重新提交",
  ["the file is not UTF-16: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件不是 UTF-16 编码:第 %s 个字节为 %s;请另存为 UTF-8 后重新提交",
  ["the text holds a character that GB18030 lacks"] = "文本中有 GB18030 没有的字符",
  ["row %s, column %s: the quote is never closed"] = "第 %s 行第 %s 列:引号没有结束",
  ["row %s, column %s: something stands behind the closing quote"] = "第 %s 行第 %s 列:结束引号之后还有内容",
  ["row %s, column %s: the cell has more than 32767 bytes"] = "第 %s 行第 %s 列:单元格超过 32767 字节",
  ["row %s, column %s: more than 256 columns, or more than 400000 cells"] =
    "第 %s 行第 %s 列:超过 256 列,或单元格总数超过 400000",
  ["row %s, column %s: the file has more than 20000 rows; send it in parts"] =
    "第 %s 行第 %s 列:文件超过 20000 行,请分批提交",
  ["row %s, column %s: the file would have more than 7 MiB"] = "第 %s 行第 %s 列:文件将超过 7 MiB",
  ["row %s, column %s: there is no memory for it"] = "第 %s 行第 %s 列:内存不足",
  ["row %s, column %s: a cell is a text, a number, true, false or null"] =
    "第 %s 行第 %s 列:单元格应为文本、数字、真假值或空值",
  ["row %s, column %s: a row is a list of cells, one at least"] = "第 %s 行第 %s 列:每行应为单元格列表,至少一个",
  ["row %s, column %s: the row has more than 256 cells"] = "第 %s 行第 %s 列:该行超过 256 个单元格",
  ["rows is a list of at most 20000 rows"] = "rows 应为行的列表,最多 20000 行",
  ["rows is no JSON that can be read"] = "rows 不是可读取的 JSON",
  ["options is a map with bom, text_cols, delimiter, encoding"] =
    "options 应为含 bom、text_cols、delimiter、encoding 的映射",
  ["text_cols is a list of column numbers from 1 to 256"] = "text_cols 应为 1 至 256 的列号列表",
  ["delimiter is comma, semicolon or tab"] = "delimiter 应为 comma、semicolon 或 tab",
  ["encoding is utf8 or gb18030"] = "encoding 应为 utf8 或 gb18030",
  ["this is no amount in yuan: write it like 69,650.00 or 6.965万"] = "这不是金额;请写成 69,650.00 或 6.965万",
  ["commas part thousands: 69,650.00"] = "逗号应为千位分隔符,例如 69,650.00",
  ["the amount is too large"] = "金额过大",
  ["the amount has parts of a fen"] = "金额精确到分,不能有更小的小数",
  ["amounts in words end below ten million billion yuan"] = "大写金额须小于一亿亿元",
}
