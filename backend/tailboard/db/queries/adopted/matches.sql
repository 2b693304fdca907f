-- A fragment: whether the row `s` of an adopted source is in the filter. A part that was not given is folded away by the
-- planner; what is left of it reaches the indexes of the owner, because the source's function is inlined.
(%(queues)s::text[] IS NULL OR s.queue = ANY (%(queues)s::text[]))
AND (%(kinds)s::text[] IS NULL OR s.kind = ANY (%(kinds)s::text[]))
AND (%(statuses)s::text[] IS NULL OR s.status = ANY (%(statuses)s::text[]))
AND (%(workers)s::text[] IS NULL OR s.worker = ANY (%(workers)s::text[]))
AND (%(tags)s::text[] IS NULL OR s.tags && %(tags)s::text[])
AND {named}
