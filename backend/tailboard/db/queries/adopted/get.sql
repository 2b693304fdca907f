-- One job of an adopted source whole: payload and result are here whatever their size.
SELECT {card}, coalesce((SELECT c.seq FROM tailboard.changes c
                          WHERE c.job_id = j.id::text AND c.source = %(name)s
                          ORDER BY c.seq DESC LIMIT 1), 0)
  FROM {source} j CROSS JOIN (SELECT false AS payload, false AS result) size
 WHERE {ids} LIMIT 1
