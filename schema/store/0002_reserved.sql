-- Placeholder on this branch only.
CREATE TABLE reserved_0002 (id INTEGER PRIMARY KEY) STRICT;
