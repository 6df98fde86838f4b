-- How data ends: quotas, retention, deletion. No index that accepting or finishing a job would have to keep.

ALTER TABLE owner ADD COLUMN open INTEGER NOT NULL DEFAULT 0;   -- jobs that have not ended; moves in the statement that moves `head`
ALTER TABLE owner ADD COLUMN erased INTEGER NOT NULL DEFAULT 0; -- nobody's any more: its uuid is random, its rows are being removed
UPDATE owner SET open = (SELECT count(*) FROM job j WHERE j.owner = owner.id
  AND j.state NOT IN ('succeeded', 'failed', 'cancelled'));
CREATE INDEX owner_erased ON owner (id) WHERE erased = 1;

ALTER TABLE job_file ADD COLUMN gone INTEGER NOT NULL DEFAULT 0; -- its bytes have been removed, the row tells that it was there
CREATE INDEX job_file_kept ON job_file (job, name) WHERE gone = 0;

CREATE INDEX job_upload_of_job ON job_upload (job);
