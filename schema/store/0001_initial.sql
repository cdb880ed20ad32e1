-- Hosts, their runs and series, and the journal of accepted batches. Times are unix milliseconds UTC.
-- page_size, auto_vacuum and journal_mode are set by the store before the first migration.

CREATE TABLE host (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never reused: rows of a removed host may still be on their way
  uid TEXT NOT NULL UNIQUE,                 -- 16 hex digits, what the API shows
  name TEXT NOT NULL,
  token_hash BLOB NOT NULL,                 -- SHA-256 of the 32 token bytes
  disabled INTEGER NOT NULL DEFAULT 0,
  removed INTEGER NOT NULL DEFAULT 0,       -- 1: its data is being deleted in slices, the row goes last
  created_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL DEFAULT 0,  -- 0: never
  agent_version TEXT NOT NULL DEFAULT '',
  facts_json TEXT NOT NULL DEFAULT '{}',
  clock_offset_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX host_name ON host(name) WHERE removed = 0;
CREATE UNIQUE INDEX host_token ON host(token_hash) WHERE removed = 0;

-- A row never changes: raw bits are read by the type and scale of the series they were accepted under. If an agent
-- defines the same name and labels otherwise, that is one more row; readers take all rows of one name as one series.
CREATE TABLE series (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  host_id INTEGER NOT NULL REFERENCES host(id),
  name TEXT NOT NULL,
  labels BLOB NOT NULL,                     -- per label: varint length, key, varint length, value; sorted by key
  kind INTEGER NOT NULL,                    -- model/metric.hpp: Kind, ValueType, Quality
  type INTEGER NOT NULL,
  scale INTEGER NOT NULL,
  unit TEXT NOT NULL,
  quality INTEGER NOT NULL
) STRICT;
CREATE INDEX series_host ON series(host_id);

-- The high-water mark of each run: what makes delivery exactly-once. Written in the transaction of the batch.
CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  host_id INTEGER NOT NULL REFERENCES host(id),
  run BLOB NOT NULL,                        -- 16 bytes
  durable_seq INTEGER NOT NULL,
  last_hash BLOB NOT NULL,                  -- SHA-256 of the payload of durable_seq
  last_ms INTEGER NOT NULL,                 -- when it was written, by the server's clock
  last_accepted INTEGER NOT NULL,           -- journal.accepted of durable_seq
  keyframe_id INTEGER NOT NULL,             -- the keyframe in force
  UNIQUE (host_id, run)
) STRICT;

-- Which series each slot of a run is. Slots of a run are only ever added.
CREATE TABLE slot (
  run_id INTEGER NOT NULL REFERENCES run(id),
  slot INTEGER NOT NULL,
  series_id INTEGER NOT NULL REFERENCES series(id),
  PRIMARY KEY (run_id, slot)
) STRICT, WITHOUT ROWID;

-- A keyframe and the batches that count from it: what is found, read and deleted as one.
CREATE TABLE keyframe (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  host_id INTEGER NOT NULL REFERENCES host(id),
  run_id INTEGER NOT NULL REFERENCES run(id),
  seq INTEGER NOT NULL,
  min_ms INTEGER NOT NULL,                  -- of all ticks inside
  max_ms INTEGER NOT NULL,
  points INTEGER NOT NULL
) STRICT;
CREATE INDEX keyframe_host ON keyframe(host_id, min_ms);
CREATE INDEX keyframe_run ON keyframe(run_id);
CREATE INDEX keyframe_time ON keyframe(min_ms);

-- Accepted batches, verbatim. A group's rows lie together, so that reading and deleting it touches few pages.
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,                   -- keyframe_id << 24 | place in the group, the keyframe itself at 0
  accepted INTEGER NOT NULL,                -- counts commits' batches over all hosts: of two values for one time the later wins
  seq INTEGER NOT NULL,
  slots INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  span_ms INTEGER NOT NULL,                 -- last_ms - first_ms, wrapping
  points INTEGER NOT NULL,
  payload BLOB NOT NULL                     -- src/model/batch_codec.cpp
) STRICT;

-- Holds nothing; written and emptied to see whether a full disk has room again.
CREATE TABLE probe (
  id INTEGER PRIMARY KEY,
  filler BLOB NOT NULL
) STRICT;
