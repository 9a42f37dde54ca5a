--- The shapes the benchmark measures: append a row after a read, read and overwrite a random key, read a random key.
return {
  commands = {
    ["bench.append"] = {
      mode = "write",
      args = { "key:int", "text:text(200)" },
      returns = "int",
      summary = { en = "Read a key, then append a row.", ["zh-CN"] = "读一个键并追加一行" },
      run = function(call, key, text)
        call.db:value("SELECT value FROM bench_kv WHERE id = ?", key)
        return call.db:run("INSERT INTO bench_log(text, at) VALUES (?, ?)", text, call.now)
      end,
    },
    ["bench.put"] = {
      mode = "write",
      args = { "key:int", "value:text(200)" },
      returns = "int",
      summary = { en = "Read a key, then overwrite it.", ["zh-CN"] = "读一个键并改写" },
      run = function(call, key, value)
        local old = call.db:value("SELECT value FROM bench_kv WHERE id = ?", key)
        call.db:run("UPDATE bench_kv SET value = ? WHERE id = ?", value, key)
        return #old
      end,
    },
    ["bench.get"] = {
      mode = "read",
      args = { "key:int" },
      returns = "text",
      summary = { en = "Read a key.", ["zh-CN"] = "读一个键" },
      run = function(call, key)
        return call.db:value("SELECT value FROM bench_kv WHERE id = ?", key)
      end,
    },
    ["bench.fill"] = {
      mode = "write",
      args = { "first:int", "count:int(1..2000)" },
      returns = "int",
      summary = { en = "Make COUNT keys from FIRST on.", ["zh-CN"] = "建立若干键" },
      run = function(call, first, count)
        for id = first, first + count - 1 do
          call.db:run("INSERT INTO bench_kv(id, value) VALUES (?, ?)", id, ("x"):rep(100))
        end
        return count
      end,
    },
  },
}
