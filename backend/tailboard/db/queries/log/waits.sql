-- Whether a change is visible that no tick holds: what seal.sql would seal now. Both arms are looked up in changes_xid.
WITH last AS MATERIALIZED (
    SELECT snap, solid FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
)
SELECT EXISTS (SELECT FROM tailboard.changes c
                WHERE c.seq > (SELECT solid FROM last) AND c.xid >= (SELECT pg_snapshot_xmax(snap) FROM last))
    OR EXISTS (SELECT FROM tailboard.changes c
                WHERE c.seq > (SELECT solid FROM last) AND c.xid = ANY (ARRAY(SELECT pg_snapshot_xip(snap) FROM last)))
