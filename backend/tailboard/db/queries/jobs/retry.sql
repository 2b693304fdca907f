-- Puts ended jobs back as if they were new. The next attempt is allowed whatever the limit was.
UPDATE tailboard.jobs
   SET status = 'pending', scheduled_at = NULL, worker = NULL, error = NULL, result = NULL, progress = NULL,
       phase = NULL, phases = '[]', max_attempts = greatest(max_attempts, attempt + 1)
 WHERE id = ANY (%(ids)s::bigint[]) AND status = ANY (%(allowed)s::text[])
RETURNING id
