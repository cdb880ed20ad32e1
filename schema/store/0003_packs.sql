-- Sealed data: packs of compressed columns, and how far each window is sealed. A raw window is one hour of one host:
-- the samples with end_ms - 3600000 < time <= end_ms. Times are unix milliseconds UTC.

-- Rows are only added and deleted. Where several packs (or a pack and the journal) have a value for one time, the one
-- that was accepted later wins; so a window's late samples are a further pack, and merging packs changes no answer.
CREATE TABLE pack (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never reused: readers remember broken ones by it
  tier INTEGER NOT NULL,                    -- 0: samples; 1: windows of a minute; 2: windows of an hour
  host_id INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,                  -- its time span is end_ms - span_ms < time <= end_ms
  span_ms INTEGER NOT NULL,                 -- an hour; of merged rows of tiers 6 hours, a day or 30 days
  accepted INTEGER NOT NULL,                -- its samples are those of journal rows up to this one
  first_series INTEGER NOT NULL,            -- least and greatest series.id inside
  last_series INTEGER NOT NULL,
  samples INTEGER NOT NULL,                 -- values, or windows of a tier
  min_ms INTEGER NOT NULL,                  -- time of the first sample or end of the first window
  data BLOB NOT NULL                        -- src/store/FORMAT.md; of tiers also src/store/tier_codec.hpp
) STRICT;
CREATE INDEX pack_host ON pack(host_id, tier, end_ms);
CREATE INDEX pack_age ON pack(tier, end_ms);
-- Of the tiers what is still to be merged: into 6 hours of minutes, a day and then 30 days of hours.
CREATE INDEX pack_short ON pack(tier, host_id, end_ms, span_ms)
  WHERE (tier = 1 AND span_ms < 21600000) OR (tier = 2 AND span_ms < 2592000000);

-- How far a window is sealed: what the journal accepted up to this row is in packs, and in the journal rows no more
-- than a copy. Kept as long as a group of the journal may reach into the window.
CREATE TABLE seal (
  host_id INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  PRIMARY KEY (host_id, end_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX seal_age ON seal(end_ms);

-- Series that have data in packs stay, though no run has a slot for them any more. Written once a month per series.
CREATE TABLE series_kept (
  series_id INTEGER PRIMARY KEY,
  until_ms INTEGER NOT NULL                 -- no pack has samples of it that are newer
) STRICT;

-- Packs that could not be read, moved out of the way for whoever wants to look at them.
CREATE TABLE bad_pack (
  id INTEGER PRIMARY KEY,                   -- as it was in pack
  tier INTEGER NOT NULL,
  host_id INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  span_ms INTEGER NOT NULL,
  found_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX bad_pack_host ON bad_pack(host_id);
