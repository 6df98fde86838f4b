-- Push: endpoints, and the deliveries that are committed with the events which cause them.

-- What some endpoint of the owner is told of, as bits (`outbox/bits.rs`); 0 without an active endpoint. Read in the statement that moves
-- `head`, so that an owner without endpoints pays for a column and nothing else.
ALTER TABLE owner ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

CREATE TABLE owner_push (
  owner INTEGER PRIMARY KEY,
  settings TEXT NOT NULL
) STRICT;

-- What is told of one job, instead of what each endpoint says.
CREATE TABLE job_push (
  job INTEGER PRIMARY KEY,
  events INTEGER NOT NULL
) STRICT;

-- A removed endpoint stays, without address and secrets, for as long as its log.
CREATE TABLE endpoint (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid BLOB NOT NULL UNIQUE,
  owner INTEGER NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,                  -- the words of `EndpointState`, or `removed`
  reason TEXT,
  era INTEGER NOT NULL DEFAULT 0,       -- grows when it is switched off: what was pending of an earlier era has ended
  ends_as TEXT,                         -- how that has ended: the state of a delivery
  ends_why TEXT,                        -- and its reason
  unsettled INTEGER NOT NULL DEFAULT 0, -- whether rows of an earlier era may still say that they are pending
  pending INTEGER NOT NULL DEFAULT 0,   -- deliveries of this era that have not ended
  retrying INTEGER NOT NULL DEFAULT 0,  -- those among them that wait for another attempt
  events INTEGER NOT NULL,              -- bits
  told_when TEXT NOT NULL,
  digest_s INTEGER NOT NULL DEFAULT 0,
  delay_ms INTEGER NOT NULL DEFAULT 0,  -- from event to due: of a fallback or a digest
  previous_until INTEGER,
  created_at INTEGER NOT NULL,
  delivered_at INTEGER,
  failing_since INTEGER,
  host TEXT NOT NULL,
  label TEXT NOT NULL,
  address TEXT,                         -- null when it is removed
  public_key BLOB,                      -- of a browser
  secret BLOB,                          -- of a browser `auth`, of a webhook what signs, of a mail what its links carry
  previous BLOB
) STRICT;

CREATE UNIQUE INDEX endpoint_of_owner ON endpoint (owner, kind, address);
CREATE INDEX endpoint_secret ON endpoint (secret) WHERE kind = 'email' AND secret IS NOT NULL;
CREATE INDEX endpoint_unsettled ON endpoint (id) WHERE unsettled = 1;

-- A lane is what waits for one endpoint: 0 first attempts, in order; 1 further ones, by time; 2 what a person asked for. Of each lane one
-- is under way at a time. There is a row for each lane that has something: what a claim costs depends on what it takes, not on what waits.
CREATE TABLE push_lane (
  endpoint INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  due_at INTEGER NOT NULL, -- when its head is due
  turn INTEGER,            -- the same, or when it was served last: lanes that are due take turns; null while one is under way
  host TEXT NOT NULL,
  PRIMARY KEY (endpoint, lane)
) STRICT, WITHOUT ROWID;

CREATE INDEX push_lane_turn ON push_lane (turn, host) WHERE turn IS NOT NULL;

CREATE TABLE delivery (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid BLOB NOT NULL UNIQUE,
  endpoint INTEGER NOT NULL,
  era INTEGER NOT NULL,
  lane INTEGER,                           -- null when it has ended, and no attempt is under way, or is told within another one
  rank INTEGER NOT NULL DEFAULT 0,        -- its place in the lane, before its id: not the time, which may go backwards
  job INTEGER,                            -- null for a test
  seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  due_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  course INTEGER NOT NULL DEFAULT 0,      -- attempts before the present course of them
  cuts INTEGER NOT NULL DEFAULT 0,        -- attempts in a row that a death has cut off
  lease_token INTEGER NOT NULL DEFAULT 0,
  lease_until INTEGER,                    -- not null while an attempt is under way
  attempt_at INTEGER,                     -- when the latest began
  first_attempt_at INTEGER,               -- when the first of the course did
  status INTEGER,
  within INTEGER,                         -- the delivery that tells it
  created_at INTEGER NOT NULL,
  delivered_at INTEGER,
  received_at INTEGER,
  shown_at INTEGER,
  clicked_at INTEGER
) STRICT;

CREATE INDEX delivery_lane ON delivery (endpoint, lane, era, rank) WHERE lane IS NOT NULL;
CREATE INDEX delivery_of_endpoint ON delivery (endpoint, id);
CREATE INDEX delivery_of_job ON delivery (job, seq) WHERE job IS NOT NULL;
CREATE INDEX delivery_without_job ON delivery (id) WHERE job IS NULL;
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX delivery_within ON delivery (within) WHERE within IS NOT NULL;

-- Written when an attempt ends; while it is under way, the delivery's own row tells of it.
CREATE TABLE delivery_attempt (
  delivery INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  took_ms INTEGER,
  status INTEGER,
  outcome TEXT NOT NULL,
  detail TEXT,
  PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
