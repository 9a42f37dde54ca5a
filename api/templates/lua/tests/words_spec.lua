local spec = require "muster.spec"
local words = require "@NAME@.words"

spec.describe("a greeting", function()
  spec.it("names the guest", function()
    spec.expect(words.greeting("World")):equals("Hello, World!")
  end)
end)
