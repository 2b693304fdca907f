-- Jobs of an adopted source in an order that it has no index for, or with a text search: over a window of the newest
-- ones, and the one that the text names. The first column says how many the window held, even where no job was found.
WITH near AS MATERIALIZED (
    SELECT {needed} FROM {source} s WHERE {matches} ORDER BY {order} LIMIT %(window)s),
looked_at AS (
    SELECT n.* FROM near n
    UNION ALL
    SELECT {needed} FROM {source} s WHERE {exactly} AND {matches} AND NOT EXISTS (SELECT FROM near n WHERE n.id = s.id)),
ranked AS (
    SELECT s.id::text COLLATE "C" AS id,
           CASE %(sort)s::text
               WHEN 'oldest' THEN -tie.tie
               WHEN 'priority' THEN coalesce(s.priority, 0)
               WHEN 'started' THEN {started}
               WHEN 'finished' THEN {finished}
               ELSE tie.tie END::bigint AS rank,
           CASE %(sort)s::text WHEN 'priority' THEN -tie.tie ELSE tie.tie END AS tie
      FROM looked_at s CROSS JOIN LATERAL (SELECT ({tie})::bigint AS tie) tie
     WHERE %(q)s::text IS NULL OR s.id::text = %(q)s::text
        OR strpos(lower(concat_ws(E'\n', s.kind, s.queue, s.worker, array_to_string(s.tags, E'\n'), left(s.error, 1000))),
                  lower(%(q)s::text)) > 0)
SELECT (SELECT count(*) FROM near), r.id, r.rank, r.tie
  FROM (SELECT) one LEFT JOIN LATERAL (
       SELECT r.* FROM ranked r
        WHERE %(rank)s::bigint IS NULL OR (r.rank, r.tie, r.id) < (%(rank)s::bigint, %(tie)s::bigint, %(id)s::text)
        ORDER BY r.rank DESC, r.tie DESC, r.id DESC LIMIT %(limit)s) r ON true
 ORDER BY r.rank DESC, r.tie DESC, r.id DESC
