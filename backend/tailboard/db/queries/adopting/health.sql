-- Every adopted source beside what its table looks like now: which table it is, whether it is watched, which of the
-- columns that the expressions look at it has with which types, and what the capture could not do.
SELECT s.name, s.table_name AS table, s.attached_at, s.synced,
       c.oid IS NOT NULL AS there,
       coalesce(format('%%s.%%s', quote_ident(n.nspname), quote_ident(c.relname)) <> s.table_name, false) AS renamed,
       to_regclass(s.table_name) IS NOT NULL AS named,
       (SELECT bool_and(t.tgenabled IN ('O', 'A')) FROM pg_trigger t
         WHERE t.tgrelid = c.oid AND t.tgname IN ('tailboard_watch', 'tailboard_emptied')
        HAVING count(*) = 2) AS watched,
       coalesce((SELECT sum(count) FROM (
           SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
            WHERE p.pronamespace = 'tailboard'::regnamespace AND p.proname = ('touch_' || s.name)::name
              AND t.tgenabled IN ('O', 'A')) AS f), 0)::integer AS followed,
       jsonb_array_length(coalesce(s.definition -> 'follows', '[]')) AS follows,
       s.columns,
       (SELECT coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), '{}') FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND s.columns ? a.attname::text) AS columns_now,
       (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'tailboard'::regnamespace
           AND p.proname = ('source_' || s.name)::name)
           = CASE jsonb_typeof(s.definition -> 'status') WHEN 'object' THEN 2 ELSE 1 END AS readable,
       coalesce(pg_sequence_last_value(to_regclass(format('tailboard.%%I', 'faults_' || s.name))), 0) AS faults,
       ARRAY(SELECT part.relid::regclass::text FROM pg_partition_tree(c.oid) part
              WHERE part.isleaf AND part.relid <> c.oid
                AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = part.relid AND t.tgenabled IN ('O', 'A')
                                   AND t.tgname = 'tailboard_watch')
              ORDER BY 1 LIMIT 3) AS unwatched,
       coalesce(u.faults, 0) AS faults_counted, coalesce(u.trouble, u.failure) AS noted,
       last.message AS last_fault, last.at AS last_fault_at, u.counted_at
  FROM tailboard.sources s
  LEFT JOIN pg_class c ON c.oid = s.relation
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (SELECT f.message, f.at FROM tailboard.faults f WHERE f.source = s.name ORDER BY f.n DESC LIMIT 1) last ON true
  LEFT JOIN tailboard.upkeep u ON u.source = s.name
 WHERE NOT s.builtin
 ORDER BY s.name
