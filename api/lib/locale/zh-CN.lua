--- What the library refuses with, in Chinese: for every plugin, unless its own locale says it otherwise.
return {
  -- machine
  ["%s needs a second person: %s is the %s of this record"] = "“%s”须由另一人办理：%s 是本记录的 %s",
  ["%s needs %s"] = "“%s”缺少 %s",
  ["%s is not possible in state %s, which is final"] = "不能“%s”：已处于终结状态 %s",
  ["%s is not possible in state %s; possible: %s"] = "不能“%s”：当前状态为 %s，可办理：%s",
  -- scope
  ["there is no %s %s"] = "没有 %s %s",
  ["%s %s is not within your scope"] = "%s %s 不在您的权限范围内",
  ["this record is at revision %d, you sent %d; read it again"] = "本记录已是第 %d 版，您提交的是第 %d 版，请重新读取",
}
