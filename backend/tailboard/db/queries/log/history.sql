-- The newest changes of one job, with their places where they are sealed.
SELECT t.epoch, CASE WHEN t.epoch IS NOT NULL THEN
           t.first_position + (SELECT coalesce(sum(least(upper(s), c.seq) - lower(s)), 0)::bigint
                                 FROM unnest(t.seqs) AS s WHERE lower(s) < c.seq) END AS position,
       c.seq, c.at, c.source, c.job_id, c.op, c.old_status, c.new_status, c.old_queue, c.old_kind, c.old_worker, c.old_tags, c.card,
       tailboard.due_second(c.due), tailboard.due_second(c.old_due)
  FROM (SELECT l.*, tailboard.card_text(l) AS card FROM tailboard.changes l
         WHERE l.source = %(source)s AND l.job_id = %(job_id)s AND l.seq < %(before)s
         ORDER BY l.seq DESC LIMIT %(limit)s) c
  LEFT JOIN tailboard.ticks t ON t.seqs @> c.seq
 ORDER BY c.seq DESC
