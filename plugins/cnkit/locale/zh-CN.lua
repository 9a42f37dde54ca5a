return {
  ["the name is too long"] = "姓名太长",
}
