-- Claiming from some queues, however much waits in the others.

-- Of one queue these give what comes next without a look at any other queue's jobs: a worker of an idle queue used to walk past
-- all that was pending. Only jobs that wait are in them, so that they cost nothing but an INSERT.
CREATE INDEX jobs_claim_queue ON tailboard.jobs (queue, priority DESC, id) WHERE status = 'pending';
CREATE INDEX jobs_due_queue ON tailboard.jobs (queue, scheduled_at) WHERE status = 'scheduled';

-- Looks at the first few jobs of each queue, without a lock, and takes the best of them that nobody else holds. Where others
-- hold so many that too few are left, it looks further: what is returned is all that is locked. A queue is asked for by BETWEEN
-- and is the first to order by, so that no other index fits: after `=` PostgreSQL may walk the one that ignores the queue. Planned once,
-- because to plan it takes as long as to run it.
CREATE OR REPLACE FUNCTION tailboard.claim(worker text, queues text[] DEFAULT NULL, "limit" integer DEFAULT 1)
RETURNS SETOF tailboard.jobs
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    wanted constant bigint := greatest(coalesce(claim."limit", 1), 0);
    reach bigint := wanted + 15;
    seen bigint;
    ids bigint[];
BEGIN
    LOOP
        WITH next AS MATERIALIZED (
            (SELECT p.id, p.priority FROM tailboard.jobs p
              WHERE claim.queues IS NULL AND p.status = 'pending'
                AND (p.scheduled_at IS NULL OR p.scheduled_at <= clock_timestamp())
              ORDER BY p.priority DESC, p.id LIMIT reach)
            UNION ALL
            (SELECT s.id, s.priority FROM tailboard.jobs s
              WHERE claim.queues IS NULL AND s.status = 'scheduled' AND s.scheduled_at <= clock_timestamp()
              ORDER BY s.scheduled_at LIMIT reach)
            UNION ALL
            SELECT w.id, w.priority FROM (SELECT DISTINCT unnest(claim.queues)) AS asked (queue)
             CROSS JOIN LATERAL (
                (SELECT p.id, p.priority FROM tailboard.jobs p
                  WHERE p.queue BETWEEN asked.queue AND asked.queue AND p.status = 'pending'
                    AND (p.scheduled_at IS NULL OR p.scheduled_at <= clock_timestamp())
                  ORDER BY p.queue, p.priority DESC, p.id LIMIT reach)
                UNION ALL
                (SELECT s.id, s.priority FROM tailboard.jobs s
                  WHERE s.queue BETWEEN asked.queue AND asked.queue AND s.status = 'scheduled'
                    AND s.scheduled_at <= clock_timestamp()
                  ORDER BY s.queue, s.scheduled_at LIMIT reach)) w
        ), taken AS MATERIALIZED (
            SELECT held.id FROM (SELECT n.id FROM next n ORDER BY n.priority DESC, n.id) best
             CROSS JOIN LATERAL (
                SELECT j.id FROM tailboard.jobs j
                 WHERE j.id = best.id AND j.status IN ('pending', 'scheduled')
                   AND (claim.queues IS NULL OR j.queue = ANY (claim.queues))
                   AND (j.scheduled_at <= clock_timestamp() OR j.scheduled_at IS NULL AND j.status = 'pending')
                   FOR UPDATE SKIP LOCKED) held
             LIMIT wanted
        )
        SELECT (SELECT coalesce(array_agg(t.id), '{}') FROM taken t), (SELECT count(*) FROM next) INTO ids, seen;
        EXIT WHEN cardinality(ids) = wanted OR seen < reach;
        reach := reach * 16;
    END LOOP;
    RETURN QUERY
    WITH claimed AS (
        UPDATE tailboard.jobs j SET status = 'in_progress', worker = claim.worker, error = NULL
         WHERE j.id = ANY (ids) RETURNING j.*
    )
    SELECT * FROM claimed c ORDER BY c.priority DESC, c.id;
END $$;
COMMENT ON FUNCTION tailboard.claim IS
    'Takes up to limit jobs that wait and are due, highest priority first, without waiting for other workers';
