-- The values of an enum.
SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
  FROM pg_enum e WHERE e.enumtypid = to_regtype(%(type)s) HAVING count(*) > 0
