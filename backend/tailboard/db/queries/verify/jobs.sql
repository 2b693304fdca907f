-- One row for each job the log knows: what its changes and the table disagree about, or NULL. A further row for
-- each change that does not begin where the one before it ended.
SELECT f.job_id,
       CASE
           WHEN f.broken THEN format('change %%s goes from %%s, where the change before it left the job %%s',
                                     f.seq, coalesce(f.old_status, 'nothing'), coalesce(f.before, 'nothing'))
           WHEN f.gone AND j.id IS NOT NULL THEN 'the log says it is gone, the table has it as ' || j.status
           WHEN f.gone THEN NULL
           WHEN j.id IS NULL THEN format('the log has it as %%s, the table does not have it', f.new_status)
           {card_difference}
       END AS difference
  FROM (SELECT g.*,
               CASE
                   WHEN g.before_seq IS NULL THEN %(complete)s AND g.op <> 'I'
                   WHEN g.op = 'I' THEN NOT (g.before_op = 'D' OR reset.meanwhile)
                   ELSE g.before_op = 'D' OR reset.meanwhile OR g.old_status IS DISTINCT FROM g.before
               END AS broken,
               g.op = 'D' OR reset.since AS gone
          FROM (SELECT c.job_id, c.seq, c.op, c.old_status, c.new_status, tailboard.card(c) AS job,
                       lag(c.seq) OVER w AS before_seq,
                       lag(c.op) OVER w AS before_op,
                       lag(c.new_status) OVER w AS before,
                       lead(c.seq) OVER w IS NULL AS is_last
                  FROM tailboard.changes c
                 WHERE c.source = 'jobs' AND c.job_id IS NOT NULL
                WINDOW w AS (PARTITION BY c.job_id ORDER BY c.seq)) g
         CROSS JOIN LATERAL (
               SELECT coalesce(bool_or(r > g.before_seq AND r < g.seq), false) AS meanwhile,
                      coalesce(bool_or(r > g.seq), false) AS since
                 FROM unnest(%(resets)s::bigint[]) AS r) reset) f
  LEFT JOIN tailboard.jobs j ON f.is_last AND j.id = f.job_id::bigint
  CROSS JOIN LATERAL (SELECT to_jsonb(j) AS card, f.job AS logged) t
 WHERE f.is_last OR f.broken
