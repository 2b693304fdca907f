-- End a leader's session, if it still leads and has asked nothing since; true once it is gone, which frees its lock.
SELECT pg_terminate_backend(a.pid, 500)
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %(class)s AND l.objid = %(lock)s AND l.objsubid = 2
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND a.pid = %(pid)s AND a.state_change = %(idle_since)s
