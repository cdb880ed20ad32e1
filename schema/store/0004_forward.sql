-- What passing samples on to other stores needs: how far who reads the log of commits has come, and how far the log
-- itself has.

CREATE TABLE forward_cursor (
  reader TEXT PRIMARY KEY,
  done_commit INTEGER NOT NULL,             -- rows up to this position (journal.accepted or foreign_row.id, and a row
  done_row INTEGER NOT NULL,                -- within it) the reader does not need any more
  saved_ms INTEGER NOT NULL,
  state TEXT NOT NULL                       -- its own
) STRICT, WITHOUT ROWID;

-- Now and then a commit leaves a mark: so the age and the size of what a reader lacks are known, and the count of
-- journal.accepted does not go back when the rows that had it are gone. No row is 65536 or more beyond the last mark.
CREATE TABLE commit_mark (
  accepted INTEGER PRIMARY KEY,
  bytes INTEGER NOT NULL,                   -- of payloads, of all commits before
  wall_ms INTEGER NOT NULL
) STRICT;
INSERT INTO commit_mark SELECT max(coalesce((SELECT max(last_accepted) FROM run), 0),
  coalesce((SELECT max(accepted) FROM seal), 0), coalesce((SELECT max(accepted) FROM pack), 0),
  coalesce((SELECT max(id) FROM foreign_row), 0)), 0, 0;

-- One row: the newest of the rows that were deleted, for whatever reason but that their host was removed.
CREATE TABLE forgotten (
  id INTEGER PRIMARY KEY,
  accepted INTEGER NOT NULL
) STRICT;
INSERT INTO forgotten VALUES (1, 0);
