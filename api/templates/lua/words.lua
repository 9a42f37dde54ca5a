--- What is said. Pure functions have their tests in tests/words_spec.lua.
local words = {}

function words.greeting(name) return "Hello, " .. name .. "!" end

return words
