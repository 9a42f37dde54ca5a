return {
  name = "pictures", version = "1.0.0", api = 1, requires = { "cnkit", "inspect", "org" },
  asks = { commands = { "org.unit.get" } },
  summary = {
    en = "Pictures of areas and figures, as SVG.",
    ["zh-CN"] = "作战图与指标图（SVG）",
  },
}
