-- Workers by their last heartbeat. Those that were last seen more than a day ago are shown only while they hold jobs.
SELECT w.name, w.info, w.started_at, w.seen_at, extract(epoch FROM clock_timestamp() - w.seen_at)::float8
  FROM tailboard.workers w
 WHERE w.seen_at > clock_timestamp() - interval '1 day' OR w.name = ANY (%(busy)s::text[])
 ORDER BY w.name LIMIT 2000
