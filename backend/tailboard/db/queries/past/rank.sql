-- A fragment: what an order sorts by, highest first.
CASE %(sort)s::text
    WHEN 'oldest' THEN -l.position
    WHEN 'priority' THEN coalesce((l.job ->> 'priority')::bigint, 0)
    WHEN 'started' THEN {started}
    WHEN 'finished' THEN {finished}
    ELSE l.position END::bigint
