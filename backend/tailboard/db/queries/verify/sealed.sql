-- Changes that no tick names although the newest tick should have had them (`stranded`), the unsealed remainder
-- that the next tick will take, and how many changes the ticks name against how many of those are there.
WITH last AS (
    SELECT snap FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
), epoch AS (
    SELECT floor_seq FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1
), sealed AS MATERIALIZED (
    SELECT coalesce(range_agg(s), '{}') AS seqs, coalesce(sum(upper(s) - lower(s)), 0)::bigint AS named
      FROM tailboard.ticks, unnest(seqs) AS s
), looked_at AS (
    SELECT c.seq, c.seq <@ sealed.seqs AS is_sealed,
           c.seq > epoch.floor_seq
               AND (c.xid >= pg_snapshot_xmax(last.snap) OR c.xid = ANY (last.running)) AS is_next
      FROM tailboard.changes c, sealed, epoch,
           (SELECT snap, ARRAY(SELECT pg_snapshot_xip(snap)) AS running FROM last) last
     -- retention forgets whole ticks, but a leaf that also holds later changes keeps its rows
     WHERE %(complete)s OR c.seq >= lower(sealed.seqs)
)
SELECT (SELECT named FROM sealed) AS named,
       count(*) FILTER (WHERE is_sealed) AS found,
       count(*) FILTER (WHERE NOT is_sealed AND is_next) AS unsealed,
       (array_agg(seq ORDER BY seq) FILTER (WHERE NOT is_sealed AND NOT is_next))[1:20] AS stranded
  FROM looked_at
