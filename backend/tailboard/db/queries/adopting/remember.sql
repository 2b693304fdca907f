-- The body of tailboard.remember_NAME(): makes what is remembered what the tables say now, without a word to the log.
DELETE FROM tailboard.remembered AS r
 WHERE r.source = {source} AND NOT EXISTS (SELECT FROM {rows} WHERE {same});
INSERT INTO tailboard.remembered AS r (source, job_id, status, due, job)
SELECT {source}, n.id, n.status, n.due, n.card FROM {row} AS n
    ON CONFLICT (source, job_id) DO UPDATE SET status = EXCLUDED.status, due = EXCLUDED.due, job = EXCLUDED.job
 WHERE r.job IS DISTINCT FROM EXCLUDED.job;
