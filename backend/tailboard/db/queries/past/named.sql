-- Jobs by name, as they stood at the moment, in no order.
SELECT l.source, l.job_id, l.seq, ({card})::text AS card
  FROM unnest(%(sources_of)s::text[], %(ids_of)s::text[]) AS name (source, id)
 CROSS JOIN LATERAL (
       SELECT l.seq, l.source, l.job_id, l.op, l.new_status, l.due, tailboard.card(l) AS job
             FROM tailboard.changes l
        WHERE l.job_id = name.id AND l.source = name.source AND {holds} AND {since}
        ORDER BY l.seq DESC LIMIT 1) l
 WHERE l.op IN ('I', 'U') AND {matches}
