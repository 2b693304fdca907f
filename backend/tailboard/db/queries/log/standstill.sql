-- Whether the log stands still while changes wait: the newest tick, if there are any that it and those before lack.
-- Beside it the leader's session where it has nothing to do, and only where that tick, %(tick)s, was the newest at the
-- last look already: while ticks are made, nobody looks through the locks of the whole server.
WITH last AS MATERIALIZED (
    SELECT tick_id, snap, solid FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
), waiting AS MATERIALIZED (
    SELECT tick_id FROM last
     WHERE EXISTS (SELECT FROM tailboard.changes c
                    WHERE c.seq > (SELECT solid FROM last) AND c.xid >= (SELECT pg_snapshot_xmax(snap) FROM last))
        OR EXISTS (SELECT FROM tailboard.changes c
                    WHERE c.seq > (SELECT solid FROM last) AND c.xid = ANY (ARRAY(SELECT pg_snapshot_xip(snap) FROM last)))
), leader AS MATERIALIZED (
    SELECT a.pid, a.state_change FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE (SELECT tick_id FROM waiting) = %(tick)s
       AND l.locktype = 'advisory' AND l.granted AND l.classid = %(class)s AND l.objid = %(lock)s AND l.objsubid = 2
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND a.state IN ('idle', 'idle in transaction', 'idle in transaction (aborted)')
)
SELECT waiting.tick_id, leader.pid, leader.state_change FROM waiting LEFT JOIN leader ON true
