-- The built-in source counted once, in the snapshot of a tick; from there on the counts are a fold of the log.
SELECT 'jobs' AS source, queue, status, count(*) FROM tailboard.jobs GROUP BY queue, status
