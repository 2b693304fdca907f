-- Tables of the same name in other schemas, or in other letters, nearest first.
SELECT n.nspname::text, c.relname::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE lower(c.relname) = lower(%(table)s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname NOT IN ('tailboard', 'pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
 ORDER BY n.nspname <> %(schema)s, c.relname <> %(table)s, n.nspname, c.relname LIMIT 3
