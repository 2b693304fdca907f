DROP INDEX tailboard.jobs_claim_queue, tailboard.jobs_due_queue;

-- Two statements, so that each gets the plan that suits it; both lock only what they look at first.
CREATE OR REPLACE FUNCTION tailboard.claim(worker text, queues text[] DEFAULT NULL, "limit" integer DEFAULT 1)
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
