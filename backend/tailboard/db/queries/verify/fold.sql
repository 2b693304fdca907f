-- What happened after the newest checkpoint, sealed or not, with just what the stats look at, in the order of the log.
SELECT c.op, c.source, c.old_status, c.new_status, q.queue, c.op = 'U' AND c.old_queue IS DISTINCT FROM q.queue, c.old_queue,
       tailboard.due_second(c.due), tailboard.due_second(c.old_due), CASE WHEN c.op = 'T' THEN c.job::text END
  FROM tailboard.changes c CROSS JOIN LATERAL (SELECT coalesce(c.job ->> 'queue', (c.record).queue) AS queue) q
  LEFT JOIN tailboard.ticks t ON t.seqs @> c.seq
 WHERE (t.first_position IS NULL OR t.first_position > %(position)s)
   AND (%(complete)s OR c.seq >= (SELECT min(lower(seqs)) FROM tailboard.ticks WHERE n > 0))
 ORDER BY t.tick_id NULLS LAST, c.seq
