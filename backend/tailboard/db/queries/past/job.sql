-- The last change of one job at the moment, whatever it was.
SELECT l.op, l.seq, ({card})::text AS card
  FROM (SELECT l.op, l.seq, l.new_status, l.due, tailboard.card(l) AS job
          FROM tailboard.changes l
         WHERE l.job_id = %(job_id)s AND l.source = %(source)s AND {holds} AND {since}
         ORDER BY l.seq DESC LIMIT 1) l
