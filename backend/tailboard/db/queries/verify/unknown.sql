-- Jobs of which the log holds no change. Retention may have dropped it; a whole log must have one of every job.
SELECT j.id::text
  FROM tailboard.jobs j
 WHERE NOT EXISTS (SELECT FROM tailboard.changes c WHERE c.source = 'jobs' AND c.job_id = j.id::text)
