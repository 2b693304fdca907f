-- A fragment: what the log told last of each job of a source, since its rows were last counted. What was told before
-- says nothing any more: a count may have made good what a capture missed, and follows when a table was emptied.
SELECT DISTINCT ON (c.job_id) c.job_id, c.op = 'D' AS gone, c.new_status AS status, c.due, tailboard.card(c) AS job
  FROM (SELECT max(seq) AS counted FROM tailboard.changes
         WHERE job_id IS NULL AND source = {name} AND op = 'T' AND job IS NOT NULL) told
 CROSS JOIN LATERAL (
       SELECT range_agg(s) AS seqs FROM tailboard.ticks t, unnest(t.seqs) s
        WHERE t.tick_id <= (SELECT max(b.tick_id) FROM tailboard.ticks b WHERE b.seqs @> told.counted)) before
 CROSS JOIN (SELECT min(lower(seqs)) AS seq FROM tailboard.ticks WHERE n > 0) first
  JOIN tailboard.changes c ON c.source = {name} AND c.job_id IS NOT NULL
   AND NOT coalesce(c.seq <@ before.seqs, false)
   -- retention forgets whole ticks, but a leaf that also holds later changes keeps its rows
   AND ({complete} OR c.seq >= first.seq)
 ORDER BY c.job_id, c.seq DESC
