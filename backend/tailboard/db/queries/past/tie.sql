-- A fragment: what decides between jobs of one rank: the older first among those of one priority, else the newer.
CASE %(sort)s::text WHEN 'priority' THEN -l.position WHEN 'oldest' THEN -l.position ELSE l.position END::bigint
