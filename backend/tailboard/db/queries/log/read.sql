-- Up to %(limit)s changes after %(position)s, in their order. A tick holds at most 500 changes, so the ticks that can
-- overlap the wanted positions are known by their first position.
SELECT t.epoch, t.first_position + c.place AS position, c.seq, c.at, c.source, c.job_id, c.op, c.old_status,
       c.new_status, c.old_queue, c.old_kind, c.old_worker, c.old_tags, tailboard.card_text(c.change),
       tailboard.due_second(c.due), tailboard.due_second(c.old_due)
  FROM tailboard.ticks t
 CROSS JOIN LATERAL (
       SELECT l.*, l AS change, row_number() OVER (ORDER BY l.seq) - 1 AS place FROM tailboard.changes l
        WHERE l.xid = ANY (t.xids) AND l.seq >= lower(t.seqs) AND l.seq < upper(t.seqs) AND l.seq <@ t.seqs) c
 WHERE t.first_position > %(position)s::bigint - 500 AND t.first_position <= %(position)s::bigint + %(limit)s
   AND t.first_position + c.place > %(position)s AND t.first_position + c.place <= %(position)s::bigint + %(limit)s
 ORDER BY position
