-- Whole ticks after %(tick_id)s, in their order: at most %(ticks)s of them, and none after the one that makes their changes
-- %(changes)s or more; a tick without changes is one row of NULLs.
-- %(solid)s is the bound of that tick or an earlier one, or 0; it prunes partitions before any is opened.
SELECT t.tick_id, t.epoch, t.first_position, t.n, t.at, t.solid, t.age, c.seq, c.at, c.source, c.job_id, c.op, c.old_status,
       c.new_status, c.old_queue, c.old_kind, c.old_worker, c.old_tags, c.card,
       tailboard.due_second(c.due), tailboard.due_second(c.old_due)
  FROM (SELECT *, sum(n) OVER (ORDER BY tick_id) - n AS before, extract(epoch FROM clock_timestamp() - at)::float8 AS age
          FROM (SELECT * FROM tailboard.ticks WHERE tick_id > %(tick_id)s ORDER BY tick_id LIMIT %(ticks)s) next) t
  LEFT JOIN LATERAL (
       SELECT l.*, tailboard.card_text(l) AS card FROM tailboard.changes l
        WHERE l.seq > %(solid)s AND l.xid = ANY (t.xids)
          AND l.seq >= lower(t.seqs) AND l.seq < upper(t.seqs) AND l.seq <@ t.seqs) c ON true
 WHERE t.before < %(changes)s
 ORDER BY t.tick_id, c.seq
