-- What the changes of a source add to its counts that this snapshot sees and an earlier one did not: by the rule by which
-- the sealer finds what is new, the floor of a restored log included: below it stand another cluster's transaction ids.
-- The last column says that the source was emptied or reset among them.
WITH floor AS MATERIALIZED (
    SELECT floor_seq AS seq FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1
), fresh AS (
    SELECT c.* FROM tailboard.changes c
     WHERE c.source = %(source)s AND c.seq > (SELECT seq FROM floor) AND c.xid >= pg_snapshot_xmax(%(snapshot)s::pg_snapshot)
    UNION ALL
    SELECT c.* FROM tailboard.changes c
     WHERE c.source = %(source)s AND c.seq > (SELECT seq FROM floor) AND c.xid = ANY (ARRAY(SELECT pg_snapshot_xip(%(snapshot)s::pg_snapshot)))
), counted AS (
    SELECT CASE WHEN op = 'U' THEN old_queue ELSE coalesce(job ->> 'queue', (record).queue) END AS queue,
           old_status AS status, old_due AS due, -1 AS n FROM fresh WHERE old_status IS NOT NULL
    UNION ALL
    SELECT coalesce(job ->> 'queue', (record).queue), new_status, due, 1 FROM fresh WHERE op IN ('I', 'U')
    UNION ALL
    SELECT NULL, NULL, NULL, 0 FROM fresh WHERE op = 'T'
)
SELECT coalesce(queue, ''), coalesce(status, ''), tailboard.due_second(due), sum(n), status IS NULL
  FROM counted GROUP BY coalesce(queue, ''), coalesce(status, ''), tailboard.due_second(due), status IS NULL
