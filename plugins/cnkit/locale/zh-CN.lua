return {
  ["the name has more than 200 characters once it is composed"] = "姓名超过 200 字",
  ["the text has more than 4000 characters once it is composed"] = "文本超过 4000 字",
  ["the file holds half a character of UTF-16"] = "文件中有不完整的 UTF-16 字符",
  ["ICU lacks its converter"] = "ICU 缺少所需的转换器",
  ["the file is no text: character %s is NUL (byte %s)"] = "文件不是文本：第 %s 个字节为空字符（%s）",
  ["the file is not GB18030: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件不是 GB18030 编码：第 %s 个字节为 %s；请另存为 UTF-8 后重新提交",
  ["the file is neither UTF-8 nor GB18030: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件既不是 UTF-8 也不是 GB18030 编码：第 %s 个字节为 %s；请另存为 UTF-8 后重新提交",
  ["the file is not UTF-8: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件不是 UTF-8 编码：第 %s 个字节为 %s；请另存为 UTF-8 后重新提交",
  ["the file is not UTF-16: byte %s is %s; save it as UTF-8 and send it again"] =
    "文件不是 UTF-16 编码：第 %s 个字节为 %s；请另存为 UTF-8 后重新提交",
  ["the text holds a character that GB18030 lacks"] = "文本中有 GB18030 没有的字符",
  ["row %s, column %s: the quote is never closed"] = "第 %s 行第 %s 列：引号没有结束",
  ["row %s, column %s: something stands behind the closing quote"] = "第 %s 行第 %s 列：结束引号之后还有内容",
  ["row %s, column %s: the cell has more than 32767 bytes"] = "第 %s 行第 %s 列：单元格超过 32767 字节",
  ["row %s, column %s: more than 256 columns, or more than 400000 cells"] =
    "第 %s 行第 %s 列：超过 256 列，或单元格总数超过 400000",
  ["row %s, column %s: the file has more than 20000 rows; send it in parts"] =
    "第 %s 行第 %s 列：文件超过 20000 行，请分批提交",
  ["row %s, column %s: the file would have more than 7 MiB"] = "第 %s 行第 %s 列：文件将超过 7 MiB",
  ["row %s, column %s: there is no memory for it"] = "第 %s 行第 %s 列：内存不足",
  ["row %s, column %s: a cell is a text, a number, true, false or null"] =
    "第 %s 行第 %s 列：单元格应为文本、数字、真假值或空值",
  ["row %s, column %s: a row is a list of cells, one at least"] = "第 %s 行第 %s 列：每行应为单元格列表，至少一个",
  ["row %s, column %s: the row has more than 256 cells"] = "第 %s 行第 %s 列：该行超过 256 个单元格",
  ["rows is a list of at most 20000 rows"] = "rows 应为行的列表，最多 20000 行",
  ["rows is no JSON that can be read"] = "rows 不是可读取的 JSON",
  ["options is a map with bom, text_cols, delimiter, encoding"] =
    "options 应为含 bom、text_cols、delimiter、encoding 的 JSON 对象",
  ["text_cols is a list of column numbers from 1 to 256"] = "text_cols 应为 1 至 256 的列号列表",
  ["delimiter is comma, semicolon or tab"] = "delimiter 应为 comma、semicolon 或 tab",
  ["encoding is utf8 or gb18030"] = "encoding 应为 utf8 或 gb18030",
  ["this is no amount in yuan: write it like 69,650.00 or 6.965万"] = "这不是金额；请写成 69,650.00 或 6.965万",
  ["commas part thousands: 69,650.00"] = "逗号应为千位分隔符，例如 69,650.00",
  ["the amount is too large"] = "金额过大",
  ["the amount has parts of a fen"] = "金额精确到分，不能有更小的小数",
  ["amounts in words end below ten million billion yuan"] = "大写金额须小于一亿亿元",
  ["row %s: a row is a map, with a text label at least"] = "第 %s 行：每行应为 JSON 对象，至少含文本 label",
  ["row %s: it has a key that this picture does not know"] = "第 %s 行：含有此图不认识的键",
  ["row %s: a text has at most 400 bytes"] = "第 %s 行：文本至多 400 字节",
  ["row %s: values are texts, whole numbers or null"] = "第 %s 行：值应为文本、整数或空值",
  ["row %s: numbers lie between -10^15 and 10^15"] = "第 %s 行：数值应在正负 10^15 之间",
  ["row %s: value is a whole number or null"] = "第 %s 行：value 应为整数或空值",
  ["row %s: label, state, series and note are texts"] = "第 %s 行：label、state、series、note 应为文本",
  ["row %s: there are more than 8 series"] = "第 %s 行：系列超过 8 个",
  ["row %s: this series has a value at this label already"] = "第 %s 行：该系列在此标签处已有数值",
  ["row %s: lat and lon come together, in millionths of a degree"] = "第 %s 行：lat 与 lon 应同时给出，单位为百万分之一度",
  ["row %s: state is ok, warn, bad, none or off"] = "第 %s 行：state 应为 ok、warn、bad、none 或 off",
  ["row %s: a map has at most 300 places"] = "第 %s 行：作战图至多 300 个点位",
  ["rows is a list of at most 500 maps"] = "rows 应为 JSON 对象的列表，最多 500 行",
  ["options is a map with title, unit (count, fen, bp) and width"] = "options 应为含 title、unit（count、fen、bp）和 width 的 JSON 对象",
  ["options is a map with title (400 bytes), unit (count, fen, bp) and width (320 to 2400)"] =
    "options 应为含 title（400 字节）、unit（count、fen、bp）和 width（320 至 2400）的 JSON 对象",
  ["the picture would have more than 2 MiB"] = "图片将超过 2 MiB",
  ["sheets is a list of 1 to 50 sheets"] = "sheets 应为 1 至 50 个工作表的列表",
  ["sheet %s: a sheet is a map with name, rows and, if you like, head (0 to 100) and text_cols"] =
    "第 %s 个工作表：应为含 name、rows 的 JSON 对象，可另含 head（0 至 100）和 text_cols",
  ["sheet %s: a name has 1 to 31 characters, no control characters, none of []:*?/\\, and no other sheet has it"] =
    "第 %s 个工作表：名称应为 1 至 31 字，不含控制字符和 []:*?/\\，且不重复",
  ["sheet %s: text_cols is a list of column numbers from 1 to 256"] = "第 %s 个工作表：text_cols 应为 1 至 256 的列号列表",
  ["sheet %s, row %s: a row is a list of cells"] = "第 %s 个工作表第 %s 行：每行应为单元格列表",
  ["sheet %s, row %s: more than 256 cells in a row, or 20000 rows in all"] =
    "第 %s 个工作表第 %s 行：一行超过 256 个单元格，或总行数超过 20000",
  ["sheet %s, row %s, column %s: there are more than 400000 cells in all"] =
    "第 %s 个工作表第 %s 行第 %s 列：单元格总数超过 400000",
  ["sheet %s, row %s, column %s: a cell is a text, a number, true, false or null"] =
    "第 %s 个工作表第 %s 行第 %s 列：单元格应为文本、数字、真假值或空值",
  ["sheet %s, row %s, column %s: the cell has more than 32767 characters"] =
    "第 %s 个工作表第 %s 行第 %s 列：单元格超过 32767 字",
  ["sheet %s, row %s, column %s: the cell can't be written"] = "第 %s 个工作表第 %s 行第 %s 列：单元格无法写入",
  ["the file would have more than 7 MiB"] = "文件将超过 7 MiB",
  ["there is no memory for the file"] = "内存不足，无法处理该文件",
  ["this process may make no file in memory"] = "本进程不能建立内存文件",
  ["this process may make no temporary files"] = "本进程不能建立临时文件",
  ["the file is damaged, or has a password: save it again as .xlsx, without one"] =
    "文件已损坏或有密码：请去掉密码重新另存为 .xlsx",
  ["the file has more than 64 MiB unpacked; send it in parts"] = "文件解压后超过 64 MiB，请分批提交",
  ["a part of the file is no XML as it should be"] = "文件的某一部分不是规范的 XML",
  ["it takes too long to read the file; send it in parts"] = "读取文件用时过长，请分批提交",
  ["a part of the file has a document type, as XLSX files have not"] = "文件的某一部分含有文档类型声明，XLSX 文件不应有",
  ["the file has more than 50 sheets"] = "文件的工作表超过 50 个",
  ["the file is a zip archive, but no XLSX file"] = "文件是 zip 压缩包，但不是 XLSX 文件",
  ["the file has more than 20000 rows, 256 columns, 400000 cells or 32767 characters in a cell"] =
    "文件超过 20000 行、256 列、400000 个单元格，或单元格超过 32767 字",
  ["the file's texts are more than 8 MiB in all; send it in parts"] = "文件的文本合计超过 8 MiB，请分批提交",
  ["a part of the file has a tag of more than 1 MiB"] = "文件的某一部分含有超过 1 MiB 的标签",
  ["a cell names a text that the file does not have"] = "有单元格引用了文件中不存在的文本",
  ["the cells of a sheet are out of order"] = "工作表的单元格次序混乱",
  ["the file lacks one of its sheets"] = "文件缺少其中一个工作表",
  ["the file is an old .xls, or has a password: save it as .xlsx, without one"] =
    "文件是旧版 .xls 或有密码：请去掉密码另存为 .xlsx",
  ["the file is no XLSX file: open it in a spreadsheet and save it as .xlsx"] =
    "文件不是 XLSX 文件：请用表格软件打开并另存为 .xlsx",
}
