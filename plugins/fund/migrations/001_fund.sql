-- Money is fen, never negative; direction comes from the kind of entry. The journal is append-only and double:
-- each posting debits one account and credits another. `at` is when a row was recorded (business time), `on_day`
-- the civil day it is about. Rows are never deleted.

CREATE TABLE fund_fund (
  code TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  opens TEXT NOT NULL,
  closes TEXT NOT NULL,
  large_fen INTEGER NOT NULL,
  route_large TEXT NOT NULL,
  route_rest TEXT NOT NULL,
  publicise TEXT NOT NULL,
  methods TEXT NOT NULL,
  min_fen INTEGER NOT NULL,
  quota_fen INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;

-- donor_key tells donors apart: P:code of a person, N:name of a body, A:number of an anonymous gift.
-- grp is the branch, or the unit where there is none: gifts of one grp, day and route make one batch.
-- path is where the unit stood when the gift was recorded: figures count it there, wherever the unit is moved later.
CREATE TABLE fund_gift (
  id INTEGER PRIMARY KEY,
  no TEXT NOT NULL,
  year INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  donor TEXT,
  donor_key TEXT NOT NULL,
  donor_name TEXT,
  donor_class TEXT NOT NULL,
  anonymous INTEGER NOT NULL,
  branch TEXT NOT NULL,
  unit TEXT NOT NULL,
  path TEXT NOT NULL,
  grp TEXT NOT NULL,
  amount_fen INTEGER NOT NULL,
  refunded_fen INTEGER NOT NULL,
  on_day TEXT NOT NULL,
  pledged_on TEXT,
  route TEXT NOT NULL,
  large INTEGER NOT NULL,
  note TEXT,
  state TEXT NOT NULL,
  batch TEXT,
  receipt TEXT,
  reason TEXT,
  user TEXT NOT NULL,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX fund_gift_no ON fund_gift (no);
CREATE INDEX fund_gift_fund ON fund_gift (fund);
CREATE INDEX fund_gift_day ON fund_gift (fund, on_day);
CREATE INDEX fund_gift_donor ON fund_gift (fund, donor_key, on_day);
CREATE INDEX fund_gift_open ON fund_gift (fund, grp, on_day, route) WHERE state = 'received';
CREATE INDEX fund_gift_batch ON fund_gift (batch) WHERE batch IS NOT NULL;

CREATE TABLE fund_payline (
  id INTEGER PRIMARY KEY,
  gift INTEGER NOT NULL REFERENCES fund_gift (id),
  method TEXT NOT NULL,
  amount_fen INTEGER NOT NULL,
  ref TEXT
) STRICT;
CREATE INDEX fund_payline_gift ON fund_payline (gift);
CREATE INDEX fund_payline_ref ON fund_payline (ref) WHERE ref IS NOT NULL;

CREATE TABLE fund_refund (
  id INTEGER PRIMARY KEY,
  gift INTEGER NOT NULL REFERENCES fund_gift (id),
  amount_fen INTEGER NOT NULL,
  reason TEXT NOT NULL,
  method TEXT NOT NULL,
  on_day TEXT NOT NULL,
  user TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_refund_gift ON fund_refund (gift);

-- Accounts: income (what was given), held (money with us), transit (sent on, not confirmed), passed (arrived),
-- claim (paid back after it was sent on: to be recovered).
CREATE TABLE fund_journal (
  id INTEGER PRIMARY KEY,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  kind TEXT NOT NULL,
  gift INTEGER,
  account TEXT NOT NULL,
  debit_fen INTEGER NOT NULL,
  credit_fen INTEGER NOT NULL,
  on_day TEXT NOT NULL,
  ref TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_journal_account ON fund_journal (fund, account, at);

CREATE TABLE fund_batch (
  no TEXT PRIMARY KEY,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  grp TEXT NOT NULL,
  unit TEXT NOT NULL,
  day TEXT NOT NULL,
  route TEXT NOT NULL,
  count INTEGER NOT NULL,
  sum_fen INTEGER NOT NULL,
  refunded_fen INTEGER NOT NULL,
  remittance TEXT,
  state TEXT NOT NULL,
  user TEXT NOT NULL,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_batch_fund ON fund_batch (fund, day);
CREATE INDEX fund_batch_remittance ON fund_batch (remittance) WHERE remittance IS NOT NULL;

CREATE TABLE fund_remittance (
  no TEXT PRIMARY KEY,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  route TEXT NOT NULL,
  sum_fen INTEGER NOT NULL,
  ref TEXT,
  state TEXT NOT NULL,
  user TEXT NOT NULL,
  at INTEGER NOT NULL,
  confirmed_at INTEGER,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_remittance_fund ON fund_remittance (fund);

CREATE TABLE fund_receipt (
  no TEXT PRIMARY KEY,
  year INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  gift INTEGER NOT NULL REFERENCES fund_gift (id),
  amount_fen INTEGER NOT NULL,
  ref TEXT,
  copy_of TEXT,
  copies INTEGER NOT NULL,
  reason TEXT,
  state TEXT NOT NULL,
  user TEXT NOT NULL,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_receipt_fund ON fund_receipt (fund, year, seq);
CREATE INDEX fund_receipt_gift ON fund_receipt (gift);

CREATE TABLE fund_inkind (
  id INTEGER PRIMARY KEY,
  no TEXT NOT NULL,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  item TEXT NOT NULL,
  qty INTEGER NOT NULL,
  valued_fen INTEGER NOT NULL,
  donor TEXT,
  donor_name TEXT,
  unit TEXT NOT NULL,
  path TEXT NOT NULL,
  on_day TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  at INTEGER NOT NULL,
  voided_at INTEGER,
  rev INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX fund_inkind_no ON fund_inkind (no);
CREATE INDEX fund_inkind_fund ON fund_inkind (fund, on_day);

CREATE TABLE fund_publication (
  no TEXT PRIMARY KEY,
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  as_of INTEGER NOT NULL,
  count INTEGER NOT NULL,
  sum_fen INTEGER NOT NULL,
  hash TEXT NOT NULL,
  state TEXT NOT NULL,
  drafter TEXT NOT NULL,
  approver TEXT,
  at INTEGER NOT NULL,
  approved_at INTEGER,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_publication_fund ON fund_publication (fund);

CREATE TABLE fund_publication_row (
  publication TEXT NOT NULL REFERENCES fund_publication (no),
  pos INTEGER NOT NULL,
  gift TEXT NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  amount_fen INTEGER NOT NULL,
  on_day TEXT NOT NULL,
  PRIMARY KEY (publication, pos)
) STRICT;

CREATE TABLE fund_erratum (
  publication TEXT NOT NULL REFERENCES fund_publication (no),
  n INTEGER NOT NULL,
  text TEXT NOT NULL,
  user TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (publication, n)
) STRICT;

-- One row per bank line that was found among the pay lines: a pay line is matched once.
CREATE TABLE fund_bankrow (
  payline INTEGER PRIMARY KEY REFERENCES fund_payline (id),
  fund TEXT NOT NULL REFERENCES fund_fund (code),
  ref TEXT,
  amount_fen INTEGER NOT NULL,
  on_day TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX fund_bankrow_fund ON fund_bankrow (fund);
