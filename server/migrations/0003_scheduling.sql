-- Whose turn it is, and when a job may and must start.

-- A lane is an owner's jobs of one kind. Lanes take turns: the least turn is served first and then goes to the end. There is a row for
-- every lane with a queued job; one without is found empty and removed by a claim.
CREATE TABLE lane (
  kind TEXT NOT NULL,
  owner INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  PRIMARY KEY (kind, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX lane_turn ON lane (kind, turn);

ALTER TABLE job ADD COLUMN deferral TEXT;      -- `quiet` or `idle`, as submitted
ALTER TABLE job ADD COLUMN start_by INTEGER;   -- null once it has started

-- Within its lane the higher priority goes first, then the older job.
DROP INDEX job_claimable;
CREATE INDEX job_claimable ON job (owner, kind, priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_start_by ON job (start_by) WHERE start_by IS NOT NULL AND state IN ('scheduled', 'queued');
CREATE INDEX job_idle ON job (owner, id) WHERE state = 'scheduled' AND deferral = 'idle';

-- Durations are kept in memory and read from the latest jobs at start-up; an index of all successes cost every finish a write.
DROP INDEX job_succeeded;

INSERT INTO lane (kind, owner, turn) SELECT kind, owner, min(id) FROM job WHERE state = 'queued' GROUP BY kind, owner;
