-- A fragment: the next jobs of each worker and status, from jobs_worker.
-- Rows are compared, not columns, so that this index alone gives the order and the planner is not tempted by another.
SELECT arm.n AS arm, found.id, found.ok
  FROM (SELECT row_number() OVER () AS n, value, status
          FROM unnest(%(workers)s::text[]) AS value CROSS JOIN unnest(%(any_status)s::text[]) AS status) arm
 CROSS JOIN LATERAL (
       SELECT k.id, {ok} AS ok FROM tailboard.jobs k
        WHERE (k.worker, k.status, k.id) {beyond} (arm.value, arm.status, %(after)s::bigint)
          AND (k.worker, k.status) {not_beyond} (arm.value, arm.status)
          AND k.worker IS NOT NULL
        ORDER BY k.worker {direction}, k.status {direction}, k.id {direction} LIMIT %(depth)s) found
