-- A fragment: whether the job as the change `l` left it is in the filter.
(%(queues)s::text[] IS NULL OR l.job ->> 'queue' = ANY (%(queues)s::text[]))
AND (%(kinds)s::text[] IS NULL OR l.job ->> 'kind' = ANY (%(kinds)s::text[]))
AND (%(workers)s::text[] IS NULL OR l.job ->> 'worker' = ANY (%(workers)s::text[]))
AND (%(statuses)s::text[] IS NULL OR {status} = ANY (%(statuses)s::text[]))
AND (%(tags)s::text[] IS NULL OR l.job -> 'tags' ?| %(tags)s::text[])
AND (%(q)s::text IS NULL OR l.job_id = %(q)s OR strpos(lower(concat_ws(E'\n',
        l.job ->> 'kind', l.job ->> 'queue', l.job ->> 'worker', l.job ->> 'tags', left(l.job ->> 'error', 1000))),
    lower(%(q)s::text)) > 0)
