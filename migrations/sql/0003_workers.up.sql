-- Functions for workers on the built-in table. Each is one plain statement that a worker could write itself.

CREATE FUNCTION tailboard.enqueue(
    kind text, payload jsonb DEFAULT NULL, queue text DEFAULT 'default', priority integer DEFAULT 0,
    run_at timestamptz DEFAULT NULL
) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tailboard.jobs (kind, payload, queue, priority, scheduled_at, status)
    VALUES (kind, payload, coalesce(queue, 'default'), coalesce(priority, 0), run_at,
            CASE WHEN run_at > clock_timestamp() THEN 'scheduled' ELSE 'pending' END)
    RETURNING id
$$;
COMMENT ON FUNCTION tailboard.enqueue IS 'Adds a job and returns its id; with run_at in the future it waits as scheduled';

-- Two statements, so that each gets the plan that suits it; both lock only what they look at first.
CREATE FUNCTION tailboard.claim(worker text, queues text[] DEFAULT NULL, "limit" integer DEFAULT 1)
RETURNS SETOF tailboard.jobs
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids bigint[];
BEGIN
    IF claim.queues IS NULL THEN
        SELECT array_agg(j.id) INTO ids FROM (
            SELECT id FROM tailboard.jobs WHERE status = 'pending' AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())
             ORDER BY priority DESC, id LIMIT claim."limit" FOR UPDATE SKIP LOCKED) j;
    ELSE
        SELECT array_agg(j.id) INTO ids FROM (
            SELECT id FROM tailboard.jobs WHERE status = 'pending' AND queue = ANY (claim.queues)
               AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())
             ORDER BY priority DESC, id LIMIT claim."limit" FOR UPDATE SKIP LOCKED) j;
    END IF;
    -- what is scheduled and due takes the places that pending jobs left free
    IF coalesce(cardinality(ids), 0) < claim."limit" THEN
        SELECT ids || array_agg(j.id) INTO ids FROM (
            SELECT id FROM tailboard.jobs WHERE status = 'scheduled' AND scheduled_at <= clock_timestamp()
               AND (claim.queues IS NULL OR queue = ANY (claim.queues))
             ORDER BY scheduled_at LIMIT claim."limit" - coalesce(cardinality(ids), 0) FOR UPDATE SKIP LOCKED) j;
    END IF;
    RETURN QUERY
    WITH claimed AS (
        UPDATE tailboard.jobs j SET status = 'in_progress', worker = claim.worker, error = NULL
         WHERE j.id = ANY (ids) RETURNING j.*
    )
    SELECT * FROM claimed c ORDER BY c.priority DESC, c.id;
END $$;
COMMENT ON FUNCTION tailboard.claim IS 'Takes up to limit pending jobs, highest priority first, without waiting for other workers';

CREATE FUNCTION tailboard.progress(id bigint, fraction double precision, phase text DEFAULT NULL) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tailboard.jobs j SET progress = fraction, phase = coalesce(progress.phase, j.phase)
     WHERE j.id = progress.id AND j.status = 'in_progress'
    RETURNING true
$$;
COMMENT ON FUNCTION tailboard.progress IS 'Sets progress (0 to 1) and phase of a running job; NULL when it is not running';

CREATE FUNCTION tailboard.complete(id bigint, result jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tailboard.jobs j SET status = 'completed', progress = 1, result = complete.result
     WHERE j.id = complete.id AND j.status = 'in_progress'
    RETURNING true
$$;
COMMENT ON FUNCTION tailboard.complete IS 'Completes a running job; NULL when it is not running';

CREATE FUNCTION tailboard.fail(id bigint, error text, retry_in interval DEFAULT NULL) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tailboard.jobs j
       SET status = CASE WHEN retry_in IS NOT NULL AND j.attempt < j.max_attempts THEN 'scheduled' ELSE 'failed' END,
           scheduled_at = CASE WHEN retry_in IS NOT NULL AND j.attempt < j.max_attempts
                               THEN clock_timestamp() + retry_in ELSE j.scheduled_at END,
           error = fail.error
     WHERE j.id = fail.id AND j.status = 'in_progress'
    RETURNING true
$$;
COMMENT ON FUNCTION tailboard.fail IS 'Fails a running job, or schedules its next attempt after retry_in while attempts are left';

CREATE FUNCTION tailboard.heartbeat(worker text, info jsonb DEFAULT '{}') RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tailboard.workers AS w (name, info) VALUES (worker, coalesce(info, '{}'))
        ON CONFLICT (name) DO UPDATE SET info = EXCLUDED.info, seen_at = clock_timestamp(),
            -- a worker that was silent for five minutes has been started anew
            started_at = CASE WHEN w.seen_at < clock_timestamp() - interval '5 minutes'
                              THEN clock_timestamp() ELSE w.started_at END
$$;
COMMENT ON FUNCTION tailboard.heartbeat IS 'Says that a worker is alive';
