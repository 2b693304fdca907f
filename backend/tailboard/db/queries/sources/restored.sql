-- After a restore or in a clone: a table of the name that carries our trigger is the one that was attached, under
-- another number, and its counts are to be taken anew.
UPDATE tailboard.sources s
   SET synced = false,
       relation = CASE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass(s.table_name)
                                       AND t.tgfoid = to_regproc(format('tailboard.%I', 'watch_' || s.name)))
                       THEN to_regclass(s.table_name)::oid ELSE s.relation END
 WHERE NOT s.builtin
