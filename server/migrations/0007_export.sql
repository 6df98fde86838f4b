-- Files that are a job's result rather than something beside it, and the hash by which a download knows that it goes on with the same file.

ALTER TABLE job_file ADD COLUMN sha256 BLOB; -- null where the content may still change
ALTER TABLE job_file ADD COLUMN is_result INTEGER NOT NULL DEFAULT 0;
