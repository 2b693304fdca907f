-- Lets held jobs go on waiting, for their time where that has not come.
UPDATE tailboard.jobs
   SET status = CASE WHEN scheduled_at > clock_timestamp() THEN 'scheduled' ELSE 'pending' END
 WHERE id = ANY (%(ids)s::bigint[]) AND status = ANY (%(allowed)s::text[])
RETURNING id
