-- The adopted tables that are there, in the order in which whoever locks several locks them.
SELECT s.table_name FROM tailboard.sources s
 WHERE NOT s.builtin AND to_regclass(s.table_name) IS NOT NULL ORDER BY s.table_name
