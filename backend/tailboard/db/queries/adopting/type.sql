-- A type by its qualified name, with its category, its kind, and for a domain the type under it.
WITH RECURSIVE under AS (
    SELECT t.oid, t.typtype, t.typbasetype FROM pg_type t WHERE t.oid = %(type)s::oid
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype FROM under u JOIN pg_type t ON t.oid = u.typbasetype WHERE u.typtype = 'd')
SELECT format_type(t.oid, -1), t.typcategory::text, t.typtype::text,
       (SELECT format_type(u.oid, -1) FROM under u WHERE u.typtype <> 'd')
  FROM pg_type t WHERE t.oid = %(type)s::oid
