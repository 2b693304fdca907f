-- What happened after the newest checkpoint, sealed or not, with just what the stats look at.
SELECT c.op, c.source, c.old_status, c.new_status, c.job ->> 'queue', c.op = 'U' AND c.old_queue IS DISTINCT FROM c.job ->> 'queue', c.old_queue
  FROM tailboard.changes c
 WHERE NOT c.seq <@ (SELECT coalesce(range_agg(s), '{}') FROM tailboard.ticks t, unnest(t.seqs) AS s
                      WHERE t.first_position <= %(position)s)
   AND (%(complete)s OR c.seq >= (SELECT min(lower(seqs)) FROM tailboard.ticks WHERE n > 0))
 ORDER BY c.seq
