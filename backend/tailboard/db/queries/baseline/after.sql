-- What the sealed changes of a source after a position add to its counts; a row without a status where one resets them.
WITH fresh AS (
    SELECT c.* FROM tailboard.ticks t
     CROSS JOIN LATERAL (SELECT l.*, row_number() OVER (ORDER BY l.seq) - 1 AS place FROM tailboard.changes l
                          WHERE l.xid = ANY (t.xids) AND l.seq >= lower(t.seqs) AND l.seq < upper(t.seqs)
                            AND l.seq <@ t.seqs) c
     WHERE t.first_position > %(position)s::bigint - 500 AND t.first_position + c.place > %(position)s
       AND c.source = %(source)s
)
SELECT coalesce(queue, ''), status, sum(n)
  FROM (SELECT CASE WHEN op = 'U' THEN old_queue ELSE coalesce(job ->> 'queue', (record).queue) END AS queue, old_status AS status, -1 AS n
          FROM fresh WHERE old_status IS NOT NULL
        UNION ALL
        SELECT coalesce(job ->> 'queue', (record).queue), new_status, 1 FROM fresh WHERE op IN ('I', 'U')
        UNION ALL
        SELECT NULL, NULL, 0 FROM fresh WHERE op = 'T') counted
 GROUP BY coalesce(queue, ''), status
