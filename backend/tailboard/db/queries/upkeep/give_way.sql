-- Ends the count that a backend is at if somebody waits for a lock that it holds.
SELECT pg_cancel_backend(%(pid)s)
 WHERE EXISTS (SELECT FROM pg_locks w WHERE NOT w.granted AND %(pid)s = ANY (pg_blocking_pids(w.pid)))
