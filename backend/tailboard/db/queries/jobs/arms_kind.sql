-- A fragment: the next jobs of each kind and status, from jobs_kind, which also knows the queue.
-- Rows are compared, not columns, so that this index alone gives the order and the planner is not tempted by another.
SELECT arm.n AS arm, found.id, found.ok
  FROM (SELECT row_number() OVER () AS n, value, status
          FROM unnest(%(kinds)s::text[]) AS value CROSS JOIN unnest(%(any_status)s::text[]) AS status) arm
 CROSS JOIN LATERAL (
       SELECT k.id, {ok} AS ok FROM tailboard.jobs k
        WHERE (k.kind, k.status, k.id) {beyond} (arm.value, arm.status, %(after)s::bigint)
          AND (k.kind, k.status) {not_beyond} (arm.value, arm.status)
          AND (%(queues)s::text[] IS NULL OR k.queue = ANY (%(queues)s::text[]))
        ORDER BY k.kind {direction}, k.status {direction}, k.id {direction} LIMIT %(depth)s) found
