CREATE TABLE every_row (id INTEGER PRIMARY KEY, text TEXT, bytes BLOB, real REAL, absent TEXT) STRICT;
