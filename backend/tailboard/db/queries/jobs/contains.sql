-- A fragment: whether what a search looks through holds the text, in the row `k`. Of an error only the beginning: the
-- rest is mostly a traceback, and large ones have to be fetched from elsewhere.
(%(q)s::text IS NULL OR strpos(lower(concat_ws(E'\n', k.kind, k.queue, k.worker, array_to_string(k.tags, E'\n'),
                                               left(k.error, 1000))), lower(%(q)s::text)) > 0)
