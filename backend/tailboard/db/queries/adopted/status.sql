-- Where one job of an adopted source stands now, and the seq of its last change.
SELECT j.status, coalesce((SELECT c.seq FROM tailboard.changes c
                            WHERE c.job_id = j.id::text AND c.source = %(name)s
                            ORDER BY c.seq DESC LIMIT 1), 0)
  FROM {source} j WHERE {ids} LIMIT 1
