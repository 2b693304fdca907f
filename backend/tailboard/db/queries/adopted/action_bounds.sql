-- How an action of an adopted source runs: names in it are looked up where the queue's table is, nobody is waited for long.
SELECT set_config('search_path', coalesce((SELECT quote_ident(n.nspname) || ', ' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                                            WHERE c.oid = to_regclass(%(table)s::text)), '') || 'public, pg_temp', true),
       set_config('statement_timeout', '5s', true), set_config('lock_timeout', '2s', true)
