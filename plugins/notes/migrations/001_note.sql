-- One row per note. A deleted note stays, marked, so that its number is never given to another.
CREATE TABLE notes_note (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
