-- The labels of an enum, as it sorts them.
SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = to_regtype(%(type)s::text) ORDER BY e.enumsortorder
