-- Owners' streams, jobs, their attempts and their log.
-- Integer keys inside, UUIDs outside. No foreign keys: the one writer keeps them, and each would cost a look-up per row.

CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE owner (
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE,
  head INTEGER NOT NULL DEFAULT 0,   -- the last seq; moves by UPDATE only, so that it has no gaps and orders by commit
  floor INTEGER NOT NULL DEFAULT 0   -- the highest pruned seq
) STRICT;

-- What changes often comes first and short texts last; long texts are in `spill`, or each progress would rewrite them.
CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE,
  owner INTEGER NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  priority INTEGER NOT NULL DEFAULT 0,
  jseq INTEGER NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL,
  timeout_ms INTEGER NOT NULL,
  lease_token INTEGER NOT NULL DEFAULT 0,
  lease_until INTEGER,
  crashes INTEGER NOT NULL DEFAULT 0,   -- in a row, since the checkpoint last moved
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  due_at INTEGER,                       -- not null in `scheduled` and `retrying` only
  run_at INTEGER,
  cancel_requested_at INTEGER,          -- not null in `running` only
  resumable INTEGER NOT NULL DEFAULT 0, -- whether there is a checkpoint, here or in `spill`
  origin BLOB,
  label TEXT,
  progress TEXT,
  failure TEXT,
  checkpoint TEXT,
  input TEXT,
  output TEXT
) STRICT;

CREATE INDEX job_of_owner ON job (owner, id);
CREATE INDEX job_claimable ON job (priority DESC, id, kind) WHERE state = 'queued';
CREATE INDEX job_due ON job (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX job_running ON job (kind) WHERE state = 'running';
CREATE INDEX job_succeeded ON job (kind, finished_at, started_at) WHERE state = 'succeeded';

-- Texts too long for the row: id = job * 4 + slot (0 input, 1 output, 2 checkpoint).
CREATE TABLE spill (
  id INTEGER PRIMARY KEY,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE event (
  owner INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  job INTEGER NOT NULL,
  jseq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX event_of_job ON event (job, jseq);

CREATE TABLE attempt (
  job INTEGER NOT NULL,
  lease_token INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  worker TEXT NOT NULL,
  outcome TEXT NOT NULL,
  failure TEXT,
  PRIMARY KEY (job, lease_token)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  owner INTEGER NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  job INTEGER NOT NULL,
  made_at INTEGER NOT NULL,
  PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE upload (
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE,
  owner INTEGER NOT NULL,
  name TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX upload_of_owner ON upload (owner, size);
CREATE INDEX upload_by_age ON upload (created_at);

CREATE TABLE job_upload (
  upload INTEGER NOT NULL,
  job INTEGER NOT NULL,
  PRIMARY KEY (upload, job)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_file (
  job INTEGER NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
