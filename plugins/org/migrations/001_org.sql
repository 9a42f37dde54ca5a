-- Spans are [from_day, to_day); to_day NULL: still so. `at` is when a row was recorded, `ended_at` when its
-- end was: a question as of an instant ignores what was recorded later. Rows are never deleted.

CREATE TABLE org_unit (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_norm TEXT NOT NULL,
  kind TEXT NOT NULL,
  level INTEGER NOT NULL,
  parent TEXT,
  division TEXT,
  zone_min INTEGER NOT NULL,
  calendar TEXT,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;

CREATE TABLE org_unit_span (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL REFERENCES org_unit (code),
  parent TEXT,
  from_day TEXT NOT NULL,
  to_day TEXT,
  reason TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX org_unit_span_unit ON org_unit_span (unit, from_day);
CREATE INDEX org_unit_span_parent ON org_unit_span (parent);

CREATE TABLE org_alias (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL REFERENCES org_unit (code),
  name TEXT NOT NULL,
  name_norm TEXT NOT NULL,
  from_day TEXT,
  to_day TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX org_alias_unit ON org_alias (unit);

-- Pairs of neighbouring characters of names, and each name's last character: a portable text index.
CREATE TABLE org_gram (
  kind TEXT NOT NULL,
  gram TEXT NOT NULL,
  ref TEXT NOT NULL,
  PRIMARY KEY (kind, gram, ref)
) STRICT;

CREATE TABLE org_person (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_norm TEXT NOT NULL,
  unit TEXT NOT NULL REFERENCES org_unit (code),
  status TEXT NOT NULL,
  pinyin TEXT NOT NULL,
  phone_masked TEXT,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;
CREATE INDEX org_person_unit ON org_person (unit);

CREATE TABLE org_party_span (
  id INTEGER PRIMARY KEY,
  person TEXT NOT NULL REFERENCES org_person (code),
  branch TEXT NOT NULL REFERENCES org_unit (code),
  from_day TEXT NOT NULL,
  to_day TEXT,
  reason TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX org_party_span_person ON org_party_span (person, from_day);
CREATE INDEX org_party_span_branch ON org_party_span (branch, from_day);

CREATE TABLE org_post (
  id INTEGER PRIMARY KEY,
  person TEXT NOT NULL REFERENCES org_person (code),
  unit TEXT NOT NULL REFERENCES org_unit (code),
  title TEXT NOT NULL,
  role TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX org_post_unit ON org_post (unit);
CREATE INDEX org_post_person ON org_post (person);

CREATE TABLE org_group (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL REFERENCES org_unit (code),
  formed_on TEXT NOT NULL,
  dissolved_on TEXT,
  basis TEXT,
  reason TEXT,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  rev INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX org_group_active ON org_group (unit) WHERE dissolved_on IS NULL;
CREATE INDEX org_group_unit ON org_group (unit, formed_on);

CREATE TABLE org_group_person (
  id INTEGER PRIMARY KEY,
  grp INTEGER NOT NULL REFERENCES org_group (id),
  person TEXT NOT NULL REFERENCES org_person (code),
  head INTEGER NOT NULL,
  title TEXT,
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX org_group_person_grp ON org_group_person (grp, head);

CREATE TABLE org_event (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  unit TEXT NOT NULL REFERENCES org_unit (code),
  opened TEXT NOT NULL,
  closed TEXT,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;

CREATE TABLE org_calendar (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  week TEXT NOT NULL,
  hours TEXT NOT NULL,
  at INTEGER NOT NULL,
  rev INTEGER NOT NULL
) STRICT;

-- The newest row of a day counts.
CREATE TABLE org_calendar_day (
  id INTEGER PRIMARY KEY,
  calendar TEXT NOT NULL REFERENCES org_calendar (code),
  day TEXT NOT NULL,
  working INTEGER NOT NULL,
  hours TEXT,
  note TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX org_calendar_day_day ON org_calendar_day (calendar, day);
