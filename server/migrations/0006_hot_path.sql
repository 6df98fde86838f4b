-- What a job that ends in a moment need not pay for.

-- Whether rows of call-backs or of an import stand for the job: most jobs never have any, and would look for them at their end.
ALTER TABLE job ADD COLUMN attached INTEGER NOT NULL DEFAULT 0;
UPDATE job SET attached = 1 WHERE state <> 'succeeded';

-- With `job_claimable` and `job_running`, all unfinished jobs of an owner are found without reading the finished ones.
CREATE INDEX job_deferred ON job (owner, id) WHERE state IN ('scheduled', 'waiting', 'retrying');
