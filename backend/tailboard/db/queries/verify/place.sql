-- What the other checks start from: where the log ends, whether it still has its beginning, when the table was
-- truncated, and how much there is to look at.
SELECT tailboard.cursor() AS cursor,
       (SELECT first_position <= 1 FROM tailboard.ticks ORDER BY tick_id LIMIT 1) AS complete,
       ARRAY(SELECT seq FROM tailboard.changes WHERE source = 'jobs' AND op = 'T' ORDER BY seq) AS resets,
       (SELECT count(*) FROM tailboard.jobs) AS jobs,
       (SELECT count(*) FROM tailboard.changes) AS changes
