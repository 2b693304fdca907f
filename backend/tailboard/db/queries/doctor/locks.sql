-- Who has been waiting for a lock on one of our tables for more than a second, and for whom.
SELECT a.pid, pg_blocking_pids(a.pid) AS blockers, c.relname::text AS relation,
       extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS seconds
  FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
  JOIN pg_class c ON c.oid = l.relation
 WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND NOT l.granted AND l.waitstart < clock_timestamp() - interval '1 second'
   AND c.relnamespace = to_regnamespace('tailboard')
 ORDER BY l.waitstart LIMIT 10
