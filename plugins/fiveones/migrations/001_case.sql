-- Campaigns as versioned data; cases with their items, visits, cards, liaisons and problems.
--
-- Rows of cases, items and problems hold what is true now; the event tables hold how it came about and when that was
-- recorded, and answer questions about the past. Nothing is deleted.
CREATE TABLE fiveones_campaign (
  code TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  ver INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- A version never changes: a case keeps the one it was opened with.
CREATE TABLE fiveones_version (
  campaign TEXT NOT NULL REFERENCES fiveones_campaign (code),
  ver INTEGER NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  PRIMARY KEY (campaign, ver)
) STRICT;

CREATE TABLE fiveones_version_item (
  campaign TEXT NOT NULL,
  ver INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  required INTEGER NOT NULL,
  sla_days INTEGER NOT NULL,
  PRIMARY KEY (campaign, ver, kind)
) STRICT;

CREATE TABLE fiveones_case (
  id INTEGER PRIMARY KEY,
  no TEXT NOT NULL UNIQUE,
  campaign TEXT NOT NULL,
  ver INTEGER NOT NULL,
  household TEXT NOT NULL,
  kind TEXT NOT NULL,
  front_person_ref TEXT,
  unit TEXT NOT NULL,
  liaison TEXT NOT NULL,
  state TEXT NOT NULL,
  opened_on TEXT NOT NULL,
  at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX fiveones_case_unit ON fiveones_case (unit, state);
-- One open case per household and campaign.
CREATE UNIQUE INDEX fiveones_case_household ON fiveones_case (campaign, household) WHERE state <> 'closed';

CREATE TABLE fiveones_case_event (
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  to_state TEXT NOT NULL,
  day TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  note TEXT,
  PRIMARY KEY (case_id, seq)
) STRICT;

CREATE TABLE fiveones_liaison (
  id INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  person TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  reason TEXT
) STRICT;
CREATE INDEX fiveones_liaison_case ON fiveones_liaison (case_id);

CREATE TABLE fiveones_item (
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  kind TEXT NOT NULL,
  ord INTEGER NOT NULL,
  label TEXT NOT NULL,
  required INTEGER NOT NULL,
  sla_days INTEGER NOT NULL,
  state TEXT NOT NULL,
  mode TEXT,
  scheduled_on TEXT,
  done_on TEXT,
  evidence TEXT,
  reason TEXT,
  approver TEXT,
  PRIMARY KEY (case_id, kind)
) STRICT;

CREATE TABLE fiveones_item_event (
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  kind TEXT NOT NULL,
  seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  to_state TEXT NOT NULL,
  mode TEXT,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  note TEXT,
  PRIMARY KEY (case_id, kind, seq)
) STRICT;

-- One row per household and day, however often somebody came by.
CREATE TABLE fiveones_visit (
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  day TEXT NOT NULL,
  mode TEXT NOT NULL,
  evidence TEXT,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  PRIMARY KEY (case_id, day)
) STRICT;

CREATE TABLE fiveones_card (
  id INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  liaison TEXT NOT NULL,
  phone_masked TEXT,
  issued_on TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL
) STRICT;
CREATE INDEX fiveones_card_case ON fiveones_card (case_id);

CREATE TABLE fiveones_problem (
  id INTEGER PRIMARY KEY,
  no TEXT NOT NULL UNIQUE,
  case_id INTEGER NOT NULL REFERENCES fiveones_case (id),
  category TEXT NOT NULL,
  text TEXT NOT NULL,
  owner TEXT,
  due TEXT,
  state TEXT NOT NULL,
  satisfied TEXT,
  result TEXT,
  appeal TEXT,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX fiveones_problem_case ON fiveones_problem (case_id);

CREATE TABLE fiveones_problem_event (
  problem INTEGER NOT NULL REFERENCES fiveones_problem (id),
  seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  to_state TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  note TEXT,
  PRIMARY KEY (problem, seq)
) STRICT;
