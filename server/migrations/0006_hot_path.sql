-- What a job that ends in a moment need not pay for.

-- Whether rows of call-backs or of an import stand for the job: most jobs never have any, and would look for them at their end.
ALTER TABLE job ADD COLUMN attached INTEGER NOT NULL DEFAULT 0;
UPDATE job SET attached = 1 WHERE state <> 'succeeded';

-- Here and later: `OR`, not `IN` with three words, for which every statement that writes a job would first build a table of the three.
-- With `job_claimable` and `job_running`, all unfinished jobs of an owner are found without reading the finished ones.
CREATE INDEX job_deferred ON job (owner, id) WHERE (state = 'scheduled' OR state = 'retrying' OR state = 'waiting');
