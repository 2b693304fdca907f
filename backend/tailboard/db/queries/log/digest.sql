-- As log/follow, for those who only count: one row for each source in a tick, with how many changes there are, how many of
-- them are quiet, and the others as JSON, in any order. Quiet is what moves no job from one count to another: progress.
SELECT t.tick_id, t.epoch, t.first_position, t.n, t.at, t.solid, t.age, d.source, d.found, d.quiet, d.moved
  FROM (SELECT *, sum(n) OVER (ORDER BY tick_id) - n AS before, extract(epoch FROM clock_timestamp() - at)::float8 AS age
          FROM (SELECT * FROM tailboard.ticks WHERE tick_id > %(tick_id)s ORDER BY tick_id LIMIT %(ticks)s) next) t
  LEFT JOIN LATERAL (
       SELECT l.source, count(*) AS found, count(*) FILTER (WHERE l.quiet) AS quiet,
              json_agg(json_build_array(l.seq, l.at, l.op, l.old_status, l.new_status, l.old_queue, l.queue,
                       CASE WHEN l.job IS NULL THEN to_json((l.record).started_at) #>> '{}' ELSE l.job ->> 'started_at' END,
                       CASE WHEN l.job IS NULL THEN to_json((l.record).finished_at) #>> '{}' ELSE l.job ->> 'finished_at' END,
                       tailboard.due_second(l.due), tailboard.due_second(l.old_due),
                       CASE WHEN l.op = 'T' THEN l.job::text END)) FILTER (WHERE NOT l.quiet)::text AS moved
         FROM (SELECT q.*, (q.op = 'U' AND q.old_status = q.new_status AND q.queue IS NOT DISTINCT FROM q.old_queue
                            AND q.due IS NOT DISTINCT FROM q.old_due) IS TRUE AS quiet
                 FROM (SELECT c.*, CASE WHEN c.job IS NULL THEN (c.record).queue ELSE c.job ->> 'queue' END AS queue
                         FROM tailboard.changes c
                        WHERE c.seq > %(solid)s AND c.xid = ANY (t.xids)
                          AND c.seq >= lower(t.seqs) AND c.seq < upper(t.seqs) AND c.seq <@ t.seqs) q) l
        GROUP BY l.source) d ON true
 WHERE t.before < %(changes)s
 ORDER BY t.tick_id
