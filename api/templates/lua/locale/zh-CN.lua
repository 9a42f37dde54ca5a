return {
  ["%s was greeted before"] = "%s 已问候过",
}
