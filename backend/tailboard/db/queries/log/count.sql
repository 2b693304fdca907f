-- The built-in source counted, as the stats count it: once, in the snapshot of the tick that they begin with.
SELECT 'jobs' AS source, queue, status, count(*) FROM tailboard.jobs GROUP BY queue, status
