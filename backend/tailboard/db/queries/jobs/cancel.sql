-- Cancels jobs that have not ended. A worker that has one finds out when it next writes.
UPDATE tailboard.jobs SET status = 'cancelled'
 WHERE id = ANY (%(ids)s::bigint[]) AND status = ANY (%(allowed)s::text[])
RETURNING id
