-- A fragment: the next jobs of each status, from jobs_status.
-- Rows are compared, not columns, so that this index alone gives the order and the planner is not tempted by another.
SELECT arm.n AS arm, found.id, found.ok
  FROM (SELECT row_number() OVER () AS n, status FROM unnest(%(any_status)s::text[]) AS status) arm
 CROSS JOIN LATERAL (
       SELECT k.id, {ok} AS ok FROM tailboard.jobs k
        WHERE (k.status, k.id) {beyond} (arm.status, %(after)s::bigint) AND k.status {not_beyond} arm.status
        ORDER BY k.status {direction}, k.id {direction} LIMIT %(depth)s) found
