-- A table that somebody wants to attach, as the catalogs describe it, and who may do what with it. "keeper" is the
-- role that owns Tailboard's schema: it reads the table and runs the capture.
SELECT c.oid::bigint,
       CASE WHEN c.relpersistence = 't' THEN 't' ELSE c.relkind::text END,
       -- An enum with its labels, as in look.sql: how its words are looked for depends on which there are.
       (SELECT coalesce(json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) || coalesce((
                            SELECT ' (' || string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) || ')' FROM pg_enum e
                             WHERE e.enumtypid IN (t.oid, t.typbasetype)), '') ORDER BY a.attnum), '{}')
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull),
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = 'v'),
       c.relkind = 'p',
       (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition),
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),
       has_table_privilege(c.oid, 'TRIGGER'),
       has_table_privilege(keeper.oid, c.oid, 'SELECT') AND has_schema_privilege(keeper.oid, c.relnamespace, 'USAGE'),
       c.relrowsecurity AND NOT keeper.rolbypassrls AND NOT keeper.rolsuper
           AND (c.relforcerowsecurity OR NOT pg_has_role(keeper.oid, c.relowner, 'USAGE')),
       keeper.rolname::text,
       pg_has_role(keeper.oid, 'MEMBER'),
       current_user::text,
       pg_get_userbyid(c.relowner)::text,
       pg_has_role(c.relowner, 'USAGE'),
       (SELECT coalesce(sum(pg_table_size(part.oid)), 0)::bigint FROM pg_class part
         WHERE part.oid = c.oid OR part.oid IN (SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE t.isleaf))
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_namespace own ON own.nspname = 'tailboard'
  JOIN pg_roles keeper ON keeper.oid = own.nspowner
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
