-- Up to %(limit)s changes after the cursor, in their order. Before them one row of the log itself: where it ends (epoch,
-- position, tick in place of seq, and now), and in place of a source why it cannot go on from there, if it cannot. So one
-- statement is one moment and one wait, and who is far behind asks a hundred times. A tick holds at most 500 changes: those
-- that can overlap the wanted positions are known by their first position. PostgreSQL takes the two parts in turn: a function
-- that is not parallel safe keeps it from anything else.
(
    SELECT head.epoch, head.first_position + head.n - 1 AS position, head.tick_id AS seq, clock_timestamp() AS at,
           asked.reason AS source, NULL AS job_id, NULL::"char" AS op, NULL AS old_status, NULL AS new_status,
           NULL AS old_queue, NULL AS old_kind, NULL AS old_worker, NULL::text[] AS old_tags, NULL AS card,
           NULL::bigint AS due, NULL::bigint AS old_due
      FROM tailboard.ticks head CROSS JOIN tailboard.resolve_cursor(%(cursor)s) asked
     ORDER BY head.tick_id DESC LIMIT 1
) UNION ALL (
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
)
