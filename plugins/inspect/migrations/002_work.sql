-- Checklists, rounds, inspections and findings.

-- A published version never changes; an answer names the version it was given to.
CREATE TABLE inspect_checklist (
  code TEXT NOT NULL,
  ver INTEGER NOT NULL,
  title TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  PRIMARY KEY (code, ver)
) STRICT;

CREATE TABLE inspect_checklist_item (
  checklist TEXT NOT NULL,
  ver INTEGER NOT NULL,
  item TEXT NOT NULL,
  ord INTEGER NOT NULL,
  grp TEXT NOT NULL,
  severity TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (checklist, ver, item)
) STRICT;

-- Every site of the area is due once in each period of `every_days` days, the last period ending with to_day (included).
CREATE TABLE inspect_round (
  id INTEGER PRIMARY KEY,
  area TEXT NOT NULL REFERENCES inspect_area (code),
  checklist TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT NOT NULL,
  every_days INTEGER NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL
) STRICT;
CREATE INDEX inspect_round_area ON inspect_round (area, from_day);

-- One visit of an inspector to a site. `client_id` is made on the device, so that a resent batch finds its rows;
-- `hash` tells a repeat from another inspection under the same id. A draft keeps its payload and has no answers yet.
CREATE TABLE inspect_inspection (
  id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,
  site TEXT NOT NULL REFERENCES inspect_site (code),
  unit TEXT NOT NULL,
  round INTEGER NOT NULL REFERENCES inspect_round (id),
  period INTEGER NOT NULL,
  day TEXT NOT NULL,
  done_at INTEGER NOT NULL,
  inspector TEXT NOT NULL,
  device TEXT,
  checklist TEXT NOT NULL,
  ver INTEGER NOT NULL,
  state TEXT NOT NULL,
  draft TEXT,
  submitted_at INTEGER,
  submitted_by TEXT,
  reviewed_at INTEGER,
  reviewed_by TEXT,
  review_note TEXT
) STRICT;
CREATE INDEX inspect_inspection_site ON inspect_inspection (site, done_at);
CREATE INDEX inspect_inspection_round ON inspect_inspection (round, period);
CREATE INDEX inspect_inspection_unit ON inspect_inspection (unit, day);

CREATE TABLE inspect_answer (
  inspection INTEGER NOT NULL REFERENCES inspect_inspection (id),
  item TEXT NOT NULL,
  ok INTEGER NOT NULL,
  value INTEGER,
  note TEXT,
  PRIMARY KEY (inspection, item)
) STRICT;

-- The row holds what is true now; inspect_finding_event holds how it came about and answers questions about the past.
CREATE TABLE inspect_finding (
  id INTEGER PRIMARY KEY,
  no TEXT NOT NULL UNIQUE,
  inspection INTEGER NOT NULL REFERENCES inspect_inspection (id),
  site TEXT NOT NULL,
  unit TEXT NOT NULL,
  item TEXT NOT NULL,
  grp TEXT NOT NULL,
  severity TEXT NOT NULL,
  text TEXT NOT NULL,
  immediate_action TEXT,
  owner TEXT,
  due TEXT,
  submitter TEXT,
  state TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  reopened_at INTEGER,
  closed_at INTEGER,
  last_at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX inspect_finding_unit ON inspect_finding (unit, state);
CREATE INDEX inspect_finding_site ON inspect_finding (site);
CREATE INDEX inspect_finding_inspection ON inspect_finding (inspection);

CREATE TABLE inspect_finding_event (
  finding INTEGER NOT NULL REFERENCES inspect_finding (id),
  seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  from_state TEXT,
  to_state TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  owner TEXT,
  due TEXT,
  note TEXT,
  PRIMARY KEY (finding, seq)
) STRICT;

CREATE TABLE inspect_evidence (
  id INTEGER PRIMARY KEY,
  finding INTEGER NOT NULL REFERENCES inspect_finding (id),
  kind TEXT NOT NULL,
  file_hash TEXT NOT NULL,
  taken_at INTEGER,
  note TEXT,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL
) STRICT;
CREATE INDEX inspect_evidence_finding ON inspect_evidence (finding, kind);
