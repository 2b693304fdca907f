-- Holds back jobs that wait.
UPDATE tailboard.jobs SET status = 'paused'
 WHERE id = ANY (%(ids)s::bigint[]) AND status = ANY (%(allowed)s::text[])
RETURNING id
