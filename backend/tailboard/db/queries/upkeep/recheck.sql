-- Looks again at up to a thousand jobs, by id after %(after)s, of a source that remembers of which the tables say something
-- else than the log told last, and logs what they say. Returns how many there were, and where to go on, if there are more.
WITH differs AS MATERIALIZED (
    SELECT coalesce(s.id::text, r.job_id) COLLATE "C" AS id, s.id IS NULL AS gone
      FROM {rows} s
      FULL JOIN (SELECT * FROM tailboard.remembered WHERE source = {name}) r ON r.job_id = s.id::text
     WHERE (s.id IS NULL OR r.job_id IS NULL OR s.due IS DISTINCT FROM r.due
            OR s.due IS NULL AND s.status <> r.status OR s.queue IS DISTINCT FROM r.job ->> 'queue')
       AND (%(after)s::text IS NULL OR coalesce(s.id::text, r.job_id) COLLATE "C" > %(after)s::text)
     ORDER BY 1 LIMIT 1000
)
SELECT count(*) FILTER (WHERE {follow}(d.id, d.gone, NULL, false)), CASE WHEN count(*) = 1000 THEN max(d.id) END
  FROM differs d
