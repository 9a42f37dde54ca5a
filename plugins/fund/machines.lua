--- The states of money on its way.
--
--     gift     pledged → received → batched → remitted → receipted
--              pledged, received → void;  batched, remitted → refunded (in part: the state stays)
--              receipted → remitted again when its receipt is voided
--     batch    (open: not a row yet, a view of received gifts) closed → remitted → confirmed
--     receipt  issued → void → reissued (a new receipt took its place)
local machine = require "muster.machine"

return {
  gift = machine.define {
    initial = "received",
    states = { "pledged", "received", "batched", "remitted", "receipted", "refunded", "void" },
    transitions = {
      { name = "receive", from = { "pledged" }, to = "received" },
      { name = "void", from = { "pledged", "received" }, to = "void", requires = { "reason" } },
      { name = "batch", from = { "received" }, to = "batched" },
      { name = "remit", from = { "batched" }, to = "remitted" },
      { name = "receipt", from = { "remitted" }, to = "receipted" },
      { name = "receipt_void", from = { "receipted" }, to = "remitted" },
      { name = "refund", from = { "batched", "remitted" }, to = "refunded", requires = { "reason" } },
    },
  },
  batch = machine.define {
    initial = "closed", states = { "closed", "remitted", "confirmed" },
    transitions = {
      { name = "remit", from = { "closed" }, to = "remitted" },
      { name = "confirm", from = { "remitted" }, to = "confirmed" },
    },
  },
  remittance = machine.define {
    initial = "remitted", states = { "remitted", "confirmed" },
    transitions = { { name = "confirm", from = { "remitted" }, to = "confirmed" } },
  },
  receipt = machine.define {
    initial = "issued", states = { "issued", "void", "reissued" },
    transitions = {
      { name = "void", from = { "issued" }, to = "void", requires = { "reason" } },
      { name = "reissue", from = { "void" }, to = "reissued" },
      { name = "copy", from = { "issued" }, to = "issued" },
    },
  },
  inkind = machine.define {
    initial = "received", states = { "received", "void" },
    transitions = { { name = "void", from = { "received" }, to = "void", requires = { "reason" } } },
  },
  publication = machine.define {
    initial = "draft", states = { "draft", "published", "withdrawn" },
    transitions = {
      { name = "approve", from = { "draft" }, to = "published", four_eyes = { "drafter" } },
      { name = "withdraw", from = { "draft" }, to = "withdrawn" },
      { name = "erratum", from = { "published" }, to = "published" },
    },
  },
}
