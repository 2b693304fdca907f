-- A fragment: what a search names outright: a job by its id, and the newest jobs of kinds, queues and workers whose
-- names begin with the text.
SELECT one.id FROM tailboard.jobs one WHERE one.id = %(named_id)s::bigint
UNION ALL
SELECT hit.id FROM unnest(%(named_kinds)s::text[]) AS name CROSS JOIN unnest(%(any_status)s::text[]) AS status (status)
 CROSS JOIN LATERAL (SELECT a.id FROM tailboard.jobs a WHERE a.kind = name AND a.status = status.status
                      ORDER BY a.id DESC LIMIT 200) hit
UNION ALL
SELECT hit.id FROM unnest(%(named_queues)s::text[]) AS name CROSS JOIN unnest(%(any_status)s::text[]) AS status (status)
 CROSS JOIN LATERAL (SELECT a.id FROM tailboard.jobs a WHERE a.queue = name AND a.status = status.status
                      ORDER BY a.id DESC LIMIT 200) hit
UNION ALL
SELECT hit.id FROM unnest(%(named_workers)s::text[]) AS name CROSS JOIN unnest(%(any_status)s::text[]) AS status (status)
 CROSS JOIN LATERAL (SELECT a.id FROM tailboard.jobs a WHERE a.worker = name AND a.status = status.status
                      ORDER BY a.id DESC LIMIT 200) hit
