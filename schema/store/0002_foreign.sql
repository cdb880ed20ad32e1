-- Samples that came with all their labels (remote write, scrapes, imports): of no host. Their series stand in `series`
-- with host_id 0, which no row of `host` has, type float64 and scale 0.

-- A write request, or a part of a large one.
CREATE TABLE foreign_row (
  id INTEGER PRIMARY KEY,                   -- of the count that journal.accepted is of: of two values for one time the later wins
  min_ms INTEGER NOT NULL,                  -- of all samples inside
  max_ms INTEGER NOT NULL,
  points INTEGER NOT NULL,
  series BLOB NOT NULL,                     -- which series it has; stands before the payload so that others skip that
  payload BLOB NOT NULL                     -- src/store/foreign_row.hpp
) STRICT;
CREATE INDEX foreign_row_time ON foreign_row(max_ms, min_ms, points);

-- What senders say of metrics: Prometheus' words for the type.
CREATE TABLE metric_note (
  name TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  help TEXT NOT NULL,
  unit TEXT NOT NULL
) STRICT, WITHOUT ROWID;
