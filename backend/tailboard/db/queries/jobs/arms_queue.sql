-- A fragment: the next jobs of each queue and status, from jobs_queue.
-- Rows are compared, not columns, so that this index alone gives the order and the planner is not tempted by another.
SELECT arm.n AS arm, found.id, found.ok
  FROM (SELECT row_number() OVER () AS n, value, status
          FROM unnest(%(queues)s::text[]) AS value CROSS JOIN unnest(%(any_status)s::text[]) AS status) arm
 CROSS JOIN LATERAL (
       SELECT k.id, {ok} AS ok FROM tailboard.jobs k
        WHERE (k.queue, k.status, k.id) {beyond} (arm.value, arm.status, %(after)s::bigint)
          AND (k.queue, k.status) {not_beyond} (arm.value, arm.status)
        ORDER BY k.queue {direction}, k.status {direction}, k.id {direction} LIMIT %(depth)s) found
