-- Workers by their last heartbeat. Those that were last seen more than a day ago are shown only while they hold jobs.
-- An info over 16,384 bytes is left out: a thousand workers are told at once.
-- A time that no worker can mean, such as infinity, is told as none; one that is yet to come, as now.
SELECT w.name, CASE WHEN pg_column_size(w.info) > 16384 THEN '{}' ELSE w.info END AS info, known.started_at, known.seen_at,
       extract(epoch FROM clock_timestamp() - known.seen_at)::float8
  FROM tailboard.workers w
 CROSS JOIN LATERAL (
       SELECT CASE WHEN w.started_at BETWEEN '1970-01-01' AND '9999-12-30' THEN w.started_at END AS started_at,
              CASE WHEN w.seen_at > '1970-01-01' THEN least(w.seen_at, clock_timestamp()) END AS seen_at) known
 WHERE w.seen_at > clock_timestamp() - interval '1 day' OR w.name = ANY (%(busy)s::text[])
 ORDER BY w.name LIMIT %(most)s
