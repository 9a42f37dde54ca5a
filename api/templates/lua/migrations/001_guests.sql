-- One row per guest. `at`: when it was greeted, ms UTC.
CREATE TABLE @NAME@_guest (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL
) STRICT;
