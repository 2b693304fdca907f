-- How adopted tables are read: the owner's indexes and statistics decide, nobody is waited for, and not for long.
SELECT set_config('enable_seqscan', %(seqscan)s::text, true), set_config('enable_bitmapscan', 'on', true),
       set_config('statement_timeout', %(timeout)s::text, true), set_config('lock_timeout', '300ms', true)
