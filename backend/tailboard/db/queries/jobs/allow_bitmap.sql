-- Whether bitmap scans may be planned: a GIN index can be read in no other way.
SELECT set_config('enable_bitmapscan', %(allowed)s::text, true)
