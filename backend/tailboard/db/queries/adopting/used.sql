-- The columns of a table that a view depends on, in the table's order.
SELECT a.attname::text
  FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
   AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s::oid AND d.refobjsubid > 0
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE r.ev_class = %(view)s::regclass
 GROUP BY a.attnum, a.attname ORDER BY a.attnum
