-- Adds a job to the built-in source; one that is not due yet waits as scheduled.
INSERT INTO tailboard.jobs (kind, queue, priority, max_attempts, tags, payload, scheduled_at, status)
VALUES (%(kind)s, %(queue)s, %(priority)s, %(max_attempts)s, %(tags)s::text[], %(payload)s::jsonb,
        %(scheduled_at)s::timestamptz,
        CASE WHEN %(scheduled_at)s::timestamptz > clock_timestamp() THEN 'scheduled' ELSE 'pending' END)
RETURNING id
