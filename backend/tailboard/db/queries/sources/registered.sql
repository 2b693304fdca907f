-- What is attached, and whether its capture is on for every kind of write: triggers name what they fire for as bits,
-- INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32.
SELECT s.name, s.table_name AS table, s.builtin, to_regclass(s.table_name) IS NOT NULL AS there,
       coalesce((SELECT bit_or(t.tgtype::integer) & 60 = 60 FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = to_regclass(s.table_name) AND t.tgenabled IN ('O', 'A')
                    AND p.pronamespace = 'tailboard'::regnamespace AND starts_with(p.proname, 'capture_')),
                false) AS captured, s.attached_at
  FROM tailboard.sources s ORDER BY NOT s.builtin, s.name
