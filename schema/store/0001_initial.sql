-- Hosts, their runs and series, and the journal of accepted batches. Times are unix milliseconds UTC.
-- page_size, auto_vacuum and journal_mode are set by the store before the first migration.

CREATE TABLE host (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never reused: rows of a removed host may still be on their way
  uid TEXT NOT NULL UNIQUE,                 -- 16 hex digits, what the API shows
  name TEXT NOT NULL UNIQUE,
  token_hash BLOB NOT NULL,                 -- SHA-256 of the 32 token bytes
  disabled INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL DEFAULT 0,  -- 0: never
  agent_version TEXT NOT NULL DEFAULT '',
  facts_json TEXT NOT NULL DEFAULT '{}',
  clock_offset_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX host_token ON host(token_hash);

CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  host_id INTEGER NOT NULL REFERENCES host(id),
  name TEXT NOT NULL,
  labels TEXT NOT NULL,                     -- {a="1",b="2"}, sorted; '' without labels
  kind INTEGER NOT NULL,                    -- model/metric.hpp: Kind, ValueType, Quality
  type INTEGER NOT NULL,
  scale INTEGER NOT NULL,
  unit TEXT NOT NULL,
  quality INTEGER NOT NULL,
  UNIQUE (host_id, name, labels)
) STRICT;

-- The high-water mark of each run: what makes delivery exactly-once. Written in the transaction of the batch.
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  host_id INTEGER NOT NULL REFERENCES host(id),
  run BLOB NOT NULL,                        -- 16 bytes
  durable_seq INTEGER NOT NULL,
  last_hash BLOB NOT NULL,                  -- SHA-256 of the payload of durable_seq
  last_ms INTEGER NOT NULL,                 -- when it was written; runs without journal rows go after the retention
  UNIQUE (host_id, run)
) STRICT;

-- Which series each slot of a run is. Slots of a run are only ever added.
CREATE TABLE slot (
  run_id INTEGER NOT NULL REFERENCES run(id),
  slot INTEGER NOT NULL,
  series_id INTEGER NOT NULL REFERENCES series(id),
  PRIMARY KEY (run_id, slot)
) STRICT, WITHOUT ROWID;

-- Accepted batches, verbatim. A batch counts from its run's keyframe key_seq (its own seq: it is one), so
-- rows are deleted keyframe group by keyframe group.
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run(id),
  seq INTEGER NOT NULL,
  key_seq INTEGER NOT NULL,
  slots INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  points INTEGER NOT NULL,
  payload BLOB NOT NULL,                    -- src/model/batch_codec.cpp
  UNIQUE (run_id, seq)
) STRICT;
CREATE INDEX journal_time ON journal(run_id, last_ms);
