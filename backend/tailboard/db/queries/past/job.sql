-- The last change of one job at the moment, whatever it was.
SELECT l.op, l.seq, ({card})::text AS card
  FROM (SELECT l.op, l.seq, l.new_status, l.due, coalesce(l.job, to_jsonb(l.record)) AS job
          FROM tailboard.changes l
         WHERE l.job_id = %(job_id)s AND l.source = %(source)s AND {holds} AND {since}
         ORDER BY l.seq DESC LIMIT 1) l
