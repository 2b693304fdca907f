-- A fragment: whether the row `k` is in the filter. A part that was not given is folded away by the planner.
(%(queues)s::text[] IS NULL OR k.queue = ANY (%(queues)s::text[]))
AND (%(kinds)s::text[] IS NULL OR k.kind = ANY (%(kinds)s::text[]))
AND (%(statuses)s::text[] IS NULL OR k.status = ANY (%(statuses)s::text[]))
AND (%(workers)s::text[] IS NULL OR k.worker = ANY (%(workers)s::text[]))
AND (%(tags)s::text[] IS NULL OR (k.tags <> '{}' AND k.tags && %(tags)s::text[]))
AND (%(ids)s::bigint[] IS NULL OR k.id = ANY (%(ids)s::bigint[]))
