-- Who seals, whether writers are asked to ring, and since when committed changes have been waiting for a position.
-- The leader's lock is the advisory lock (0x7461696C, 1); a change of a transaction that was open for long counts from
-- the newest tick.
WITH last AS (
    SELECT at, snap, ARRAY(SELECT pg_snapshot_xip(snap)) AS running FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
)
SELECT (SELECT pid FROM pg_locks
         WHERE locktype = 'advisory' AND classid = 1952541036 AND objid = 1 AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS leader,
       pg_sequence_last_value('tailboard.bell') = 1 AS armed,
       (SELECT value = 'true' FROM tailboard.settings WHERE key = 'notify') AS notify,
       (SELECT extract(epoch FROM clock_timestamp() - min(greatest(c.at, last.at)))::float8
          FROM tailboard.changes c, last
         WHERE c.seq > (SELECT floor_seq FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1)
           AND (c.xid >= pg_snapshot_xmax(last.snap) OR c.xid = ANY (last.running))) AS waiting_s
