-- What is attached, and whether the triggers that capture it are there and on.
SELECT s.name, s.table_name, s.builtin,
       to_regclass(s.table_name) IS NOT NULL AS found,
       (SELECT count(*) FROM pg_trigger t
         WHERE t.tgrelid = to_regclass(s.table_name) AND t.tgname IN
               ('tailboard_capture_insert', 'tailboard_capture_update', 'tailboard_capture_delete', 'tailboard_truncate')
           AND t.tgenabled <> 'D') AS triggers
  FROM tailboard.sources s ORDER BY s.name
