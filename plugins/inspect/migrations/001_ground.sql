-- Who answers for what, and since when.
--
-- A span holds on the days [from_day, to_day). `at` is when it was recorded, `ended_at` when its end was: a question
-- about an earlier instant sees only what was recorded by then, so an end that came later does not change the answer.
CREATE TABLE inspect_area (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL,
  rev INTEGER NOT NULL
) STRICT;

-- The units of an area. One area per unit and day.
CREATE TABLE inspect_area_unit (
  id INTEGER PRIMARY KEY,
  area TEXT NOT NULL REFERENCES inspect_area (code),
  unit TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX inspect_area_unit_unit ON inspect_area_unit (unit, from_day);
CREATE INDEX inspect_area_unit_area ON inspect_area_unit (area);

-- The leader of an area. One per area and day, hence one per unit and day.
CREATE TABLE inspect_charge (
  id INTEGER PRIMARY KEY,
  area TEXT NOT NULL REFERENCES inspect_area (code),
  leader TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  by_user TEXT NOT NULL,
  end_reason TEXT
) STRICT;
CREATE INDEX inspect_charge_area ON inspect_charge (area, from_day);

CREATE TABLE inspect_site (
  code TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  lat INTEGER,
  lon INTEGER,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX inspect_site_unit ON inspect_site (unit);

-- When a site was open. It may close and open again many times.
CREATE TABLE inspect_site_span (
  id INTEGER PRIMARY KEY,
  site TEXT NOT NULL REFERENCES inspect_site (code),
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  end_reason TEXT
) STRICT;
CREATE INDEX inspect_site_span_site ON inspect_site_span (site, from_day);

-- The inspector of a site. One per site and day.
CREATE TABLE inspect_inspector (
  id INTEGER PRIMARY KEY,
  site TEXT NOT NULL REFERENCES inspect_site (code),
  inspector TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  by_user TEXT NOT NULL,
  end_reason TEXT
) STRICT;
CREATE INDEX inspect_inspector_site ON inspect_inspector (site, from_day);

CREATE TABLE inspect_taskforce (
  id INTEGER PRIMARY KEY,
  unit TEXT NOT NULL,
  name TEXT NOT NULL,
  leader TEXT NOT NULL,
  formed_on TEXT NOT NULL,
  dissolved_on TEXT,
  at INTEGER NOT NULL,
  ended_at INTEGER,
  by_user TEXT NOT NULL
) STRICT;
CREATE INDEX inspect_taskforce_unit ON inspect_taskforce (unit);

CREATE TABLE inspect_taskforce_member (
  taskforce INTEGER NOT NULL REFERENCES inspect_taskforce (id),
  person TEXT NOT NULL,
  PRIMARY KEY (taskforce, person)
) STRICT;

-- A leader's contact visit to a unit.
CREATE TABLE inspect_visit (
  id INTEGER PRIMARY KEY,
  leader TEXT NOT NULL,
  unit TEXT NOT NULL,
  day TEXT NOT NULL,
  mode TEXT NOT NULL,
  feedback TEXT,
  at INTEGER NOT NULL,
  by_user TEXT NOT NULL
) STRICT;
CREATE INDEX inspect_visit_unit ON inspect_visit (unit, day);
