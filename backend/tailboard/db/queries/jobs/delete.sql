-- Deletes jobs that nobody is working on.
DELETE FROM tailboard.jobs
 WHERE id = ANY (%(ids)s::bigint[]) AND status = ANY (%(allowed)s::text[])
RETURNING id
