-- What an operator looks for. No index that a job keeps on its way from accepted to succeeded: the first two have a row only for
-- jobs that have failed or were cancelled, the last one for those that stand aside.

-- Of one state, kind, reason and code the newest come first, and when they ended is at hand; there are few such groups, so that any
-- narrower or wider filter reads them side by side. The expressions are those of `store/sqlite/operations/sources.rs`, letter by letter.
CREATE INDEX job_stopped ON job
  (state, kind, coalesce(failure ->> '$.reason', ''), coalesce(failure ->> '$.code', ''), id, finished_at)
  WHERE (state = 'failed' OR state = 'cancelled');
CREATE INDEX job_failed_at ON job (state, finished_at, kind) WHERE state = 'failed';
CREATE INDEX job_aside ON job (state, kind) WHERE (state = 'scheduled' OR state = 'retrying' OR state = 'waiting');
