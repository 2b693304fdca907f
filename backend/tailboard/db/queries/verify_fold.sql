-- What happened after the newest checkpoint, sealed or not, with just what the stats look at.
SELECT c.op, c.source, c.old_status, c.new_status, q.queue, c.op = 'U' AND c.old_queue IS DISTINCT FROM q.queue, c.old_queue
  FROM tailboard.changes c CROSS JOIN LATERAL (SELECT coalesce(c.job ->> 'queue', (c.record).queue) AS queue) q
 WHERE NOT c.seq <@ (SELECT coalesce(range_agg(s), '{}') FROM tailboard.ticks t, unnest(t.seqs) AS s
                      WHERE t.first_position <= %(position)s)
   AND (%(complete)s OR c.seq >= (SELECT min(lower(seqs)) FROM tailboard.ticks WHERE n > 0))
 ORDER BY c.seq
