-- Jobs of an adopted source by their ids, as cards, with the version and time of their last change in the log.
SELECT j.id::text, {card} AS card, coalesce(log.version, 0), to_jsonb(log.at) #>> '{{}}'
  FROM {source} j
  LEFT JOIN LATERAL (SELECT c.seq AS version, c.at FROM tailboard.changes c
                      WHERE c.job_id = j.id::text AND c.source = %(name)s
                      ORDER BY c.seq DESC LIMIT 1) log ON true
  CROSS JOIN LATERAL (SELECT coalesce(octet_length(j.payload::text) > 2048, false) AS payload,
                             coalesce(octet_length(j.result::text) > 2048, false) AS result OFFSET 0) size
 WHERE {ids}
