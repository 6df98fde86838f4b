-- Waiting for external call-backs: what a waiting job waits for, the addresses given out, and what came.

ALTER TABLE job ADD COLUMN waiting TEXT;      -- not null in `waiting` only: the data of its `waiting` event; `due_at` is its deadline
ALTER TABLE job ADD COLUMN wait_timeout TEXT; -- what the deadline brings: `fail` or `resume`

-- Addresses that were given out and not used. The token itself is nowhere: only its SHA-256. Using it removes the row.
CREATE TABLE callback (
  hash BLOB NOT NULL PRIMARY KEY,
  job INTEGER NOT NULL,
  name TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX callback_of_job ON callback (job);

-- What came and no checkpoint has taken yet, in the order in which it came. AUTOINCREMENT: a number must not come back after its
-- row is gone, or what comes next would look like what an attempt has seen. Written once and never rewritten, so not in `spill`.
CREATE TABLE callback_body (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL,
  name TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE INDEX callback_body_of_job ON callback_body (job, id);
