-- Tables of owners that carry a trigger of Tailboard's which the asking role may not drop. A partition's goes with its parent's.
SELECT DISTINCT g.tgrelid::regclass::text
  FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_class c ON c.oid = g.tgrelid
 WHERE p.pronamespace = to_regnamespace('tailboard') AND NOT g.tgisinternal AND g.tgparentid = 0
   AND NOT pg_has_role(c.relowner, 'USAGE')
 ORDER BY 1
