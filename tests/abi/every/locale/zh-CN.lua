return { ["%s is not %s, 100%%"] = "%s 不是 %s，100%%" }
