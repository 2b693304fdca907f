-- Seal: give a place in the order to every change that has become visible since the last tick.
-- One statement, so that what is visible and the snapshot that goes into the tick are the same thing.
-- %(ring)s is false while the queue of notifications is in danger of filling up: then nobody rings, and readers look by
-- themselves. %(low)s is a bound below which every change is known to be sealed or rolled back; it prunes partitions.
WITH last AS MATERIALIZED (
    SELECT tick_id, epoch, snap, first_position + n AS next_position
      FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
), fresh AS MATERIALIZED (
    -- transactions that began after the last snapshot ...
    SELECT c.seq, c.xid FROM tailboard.changes c
     WHERE c.seq > %(low)s AND c.xid >= (SELECT pg_snapshot_xmax(snap) FROM last)
    UNION ALL
    -- ... and those that were running in it
    SELECT c.seq, c.xid FROM tailboard.changes c
     WHERE c.seq > %(low)s AND c.xid = ANY (ARRAY(SELECT pg_snapshot_xip(snap) FROM last))
), placed AS (
    SELECT seq, xid, row_number() OVER (ORDER BY seq) - 1 AS place FROM fresh
), chunks AS (
    SELECT place / 500 AS chunk, min(place) AS place, count(*) AS n, array_agg(DISTINCT xid) AS xids,
           range_agg(int8range(seq, seq, '[]') ORDER BY seq) AS seqs
      FROM placed GROUP BY place / 500
), sealed AS (
    INSERT INTO tailboard.ticks (tick_id, epoch, snap, first_position, n, xids, seqs, solid)
    SELECT last.tick_id + 1 + chunk, last.epoch, pg_current_snapshot(), last.next_position + place, n, xids, seqs, %(low)s
      FROM chunks CROSS JOIN last ORDER BY chunk
    RETURNING n
), rung AS (
    SELECT pg_notify('tailboard_tick', '') FROM sealed WHERE %(ring)s LIMIT 1
)
SELECT (SELECT coalesce(sum(n), 0)::bigint FROM sealed) AS sealed,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
       (SELECT count(*) FROM rung) AS rung
