-- How the queries of the past are to be planned: they name their access paths themselves, so that a sequential scan, a
-- bitmap of everything or a compiled plan could only be a misestimate.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('max_parallel_workers_per_gather', '0', true),
       set_config('statement_timeout', '10s', true)
