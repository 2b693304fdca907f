-- The table counted, as the stats count it.
SELECT 'jobs', queue, status, count(*) FROM tailboard.jobs GROUP BY queue, status
