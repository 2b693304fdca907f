-- The cursor of this snapshot, how long it waits, and how the list queries are to be planned: they name their access paths themselves and
-- stop early, so that a sequential scan, a bitmap of everything or a compiled plan could only be a misestimate.
SELECT coalesce(tailboard.cursor(), '1.0'),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('jit', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('statement_timeout', '10s', true),
       set_config('lock_timeout', '1s', true)
