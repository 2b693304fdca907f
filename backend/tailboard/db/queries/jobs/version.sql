-- A fragment: the seq of the last change of the row `j`; 0 where the log no longer has one.
LATERAL (SELECT coalesce((SELECT c.seq FROM tailboard.changes c
                           WHERE c.job_id = j.id::text AND c.source = 'jobs'
                           ORDER BY c.seq DESC LIMIT 1), 0) AS version) log
