-- The attached source that has this name or this table, and its table.
SELECT s.name, s.table_name
  FROM tailboard.sources s
 WHERE NOT s.builtin
   AND (s.name = %(name)s
        OR s.relation = (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                          WHERE n.nspname = %(schema)s AND c.relname = %(table)s))
 ORDER BY s.name = %(name)s DESC LIMIT 1
