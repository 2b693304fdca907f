-- Each source's last reset at the moment, and whether there were jobs of which the log knows nothing else: an adopted
-- table's baseline counts them, and until it has one nobody knows.
SELECT DISTINCT ON (l.source) l.source, l.seq, t.tick_id, t.solid, t.drawn,
       t.first_position - 1 + (SELECT sum(least(upper(s), l.seq + 1) - lower(s))::bigint
                                 FROM unnest(t.seqs) AS s WHERE lower(s) <= l.seq) AS position,
       CASE WHEN l.job IS NULL THEN l.source <> 'jobs' ELSE l.job -> 'counts' <> '[]' END AS found_jobs
  FROM tailboard.changes l JOIN tailboard.ticks t ON t.seqs @> l.seq
 WHERE l.job_id IS NULL AND l.op = 'T' AND l.seq <= %(drawn)s
   AND (t.tick_id < %(tick_id)s OR t.tick_id = %(tick_id)s AND l.seq <= %(cut)s)
 ORDER BY l.source, l.seq DESC
