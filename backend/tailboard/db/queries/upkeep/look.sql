-- Every adopted source as far as it can be judged by catalogs and indexes alone, no owner's table being read: whether its
-- table is the one that was attached and watched, which of the columns that matter it has with which types, what the
-- capture missed, and what the counts hold.
SELECT s.name, s.table_name AS table, s.version, s.attached_at, s.synced,
       c.oid IS NOT NULL AS there,
       t.oid IS NOT NULL AS found,
       t.oid IS NOT DISTINCT FROM s.relation AS same,
       t.oid IS DISTINCT FROM s.relation
       AND EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgfoid = made.watch)
       AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgfoid = made.watch) AS restored,
       CASE WHEN ours.complete THEN ours.enabled END AS watched,
       ours.triggers,
       (SELECT count(*) FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
         WHERE p.pronamespace = 'tailboard'::regnamespace AND p.proname = ('touch_' || s.name)::name
           AND g.tgenabled IN ('O', 'A')) AS followed,
       jsonb_array_length(coalesce(s.definition -> 'follows', '[]')) AS follows,
       ARRAY(SELECT part.relid::regclass::text FROM pg_partition_tree(c.oid) part
              WHERE part.isleaf AND part.relid <> c.oid
                AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = part.relid AND g.tgenabled IN ('O', 'A')
                                   AND g.tgfoid = made.watch)
              ORDER BY 1 LIMIT 3) AS unwatched,
       ARRAY(SELECT h.inhrelid::regclass::text FROM pg_inherits h
              WHERE h.inhparent = c.oid AND c.relkind = 'r' ORDER BY 1 LIMIT 3) AS heirs,
       s.columns,
       (SELECT coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) || coalesce((
                            SELECT ' (' || string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) || ')' FROM pg_enum e
                             WHERE e.enumtypid IN (y.oid, y.typbasetype)), '')), '{}')
          FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
         WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND s.columns ? a.attname::text)
       || CASE WHEN s.columns ? '*' THEN jsonb_build_object('*', (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum)
                                                                    FROM pg_attribute a
                                                                   WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped))
               ELSE '{}' END AS columns_now,
       CASE WHEN NOT (has_any_column_privilege(c.oid, 'SELECT') AND has_schema_privilege(c.relnamespace, 'USAGE'))
            THEN quote_ident(current_user) END AS denied,
       made.readable,
       made.readable AND made.watch IS NOT NULL AS written,
       to_regproc(format('tailboard.%%I', 'follow_' || s.name)) IS NOT NULL AS remembers,
       EXISTS (SELECT FROM tailboard.changes l WHERE l.job_id IS NULL AND l.source = s.name
                  AND l.seq > coalesce(u.baseline, 0) AND l.op = 'T' AND l.job IS NULL) AS emptied,
       coalesce(pg_sequence_last_value(to_regclass(format('tailboard.%%I', 'faults_' || s.name))), 0) AS faults,
       coalesce(u.faults, 0) AS faults_counted, last.message AS last_fault, last.at AS last_fault_at,
       -- A crash empties an unlogged table and keeps its files, and begins all statistics anew.
       (SELECT md5(string_agg(concat_ws(':', f.oid, f.relfilenode, CASE f.relpersistence WHEN 'u' THEN
                              (SELECT extract(epoch FROM b.stats_reset) FROM pg_stat_bgwriter b) END), ',' ORDER BY f.oid))
          FROM pg_class f
         WHERE f.oid = t.oid OR f.oid IN (SELECT part.relid FROM pg_partition_tree(t.oid) part)) AS shape,
       u.shape AS shape_counted,
       (SELECT coalesce(sum(w.n_tup_ins + w.n_tup_upd + w.n_tup_del), 0)::bigint FROM pg_stat_user_tables w
         WHERE w.relid = t.oid OR w.relid IN (SELECT part.relid FROM pg_partition_tree(t.oid) part)) AS tuples,
       u.counted_at, u.wanted, u.failure, u.trouble
  FROM tailboard.sources s
  LEFT JOIN pg_class c ON c.oid = s.relation
  LEFT JOIN pg_class t ON t.oid = to_regclass(s.table_name)
  LEFT JOIN tailboard.upkeep u ON u.source = s.name
  LEFT JOIN LATERAL (SELECT f.message, f.at FROM tailboard.faults f WHERE f.source = s.name ORDER BY f.n DESC LIMIT 1) last ON true
 CROSS JOIN LATERAL (SELECT count(*) = CASE jsonb_typeof(s.definition -> 'status') WHEN 'object' THEN 2 ELSE 1 END AS readable,
                            to_regproc(format('tailboard.%%I', 'watch_' || s.name)) AS watch
                       FROM pg_proc p WHERE p.pronamespace = 'tailboard'::regnamespace
                        AND p.proname = ('source_' || s.name)::name) made
 -- by what they call: an owner may have renamed them
 CROSS JOIN LATERAL (SELECT count(DISTINCT g.tgfoid) = 2 AS complete, bool_and(g.tgenabled IN ('O', 'A')) AS enabled,
                            coalesce(array_agg(quote_ident(g.tgname) ORDER BY g.tgfoid = made.watch DESC), '{}') AS triggers
                       FROM pg_trigger g
                      WHERE g.tgrelid = c.oid
                        AND (g.tgfoid = made.watch
                             OR g.tgfoid = 'tailboard.capture_emptied()'::regprocedure
                                AND g.tgargs = convert_to(s.name, 'UTF8') || '\x00'::bytea)) ours
 WHERE NOT s.builtin
 ORDER BY s.name
