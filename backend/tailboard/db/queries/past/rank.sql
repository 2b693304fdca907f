-- A fragment: what an order sorts by, highest first.
CASE %(sort)s::text
    WHEN 'oldest' THEN -l.position
    WHEN 'priority' THEN coalesce((l.job ->> 'priority')::bigint, 0)
    WHEN 'started' THEN coalesce((extract(epoch FROM (l.job ->> 'started_at')::timestamptz) * 1000000)::bigint, -1)
    WHEN 'finished' THEN coalesce((extract(epoch FROM (l.job ->> 'finished_at')::timestamptz) * 1000000)::bigint, -1)
    ELSE l.position END::bigint
