-- What decides whether an adopted source has to be counted or written anew: whether its table is the one that was attached
-- and how, what its capture missed, and what its counts hold. By catalogs and indexes alone: no owner's table is read.
SELECT s.name, s.table_name, s.version, s.synced,
       t.oid IS NOT NULL AS found,
       t.oid IS NOT DISTINCT FROM s.relation AS same,
       ARRAY(SELECT k.key FROM jsonb_each_text(s.columns) k
              WHERE NOT EXISTS (SELECT FROM pg_attribute a
                                 WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = k.key
                                   AND format_type(a.atttypid, a.atttypmod) = k.value)
              ORDER BY 1) AS changed,
       EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'tailboard'::regnamespace AND p.proname = 'source_' || s.name)
           AND to_regproc(format('tailboard.%%I', 'watch_' || s.name)) IS NOT NULL AS written,
       to_regproc(format('tailboard.%%I', 'follow_' || s.name)) IS NOT NULL AS remembers,
       coalesce(pg_sequence_last_value(to_regclass(format('tailboard.%%I', 'faults_' || s.name))), 0) AS faults,
       EXISTS (SELECT FROM tailboard.changes c WHERE c.job_id IS NULL AND c.source = s.name
                  AND c.seq > coalesce(u.baseline, 0) AND c.op = 'T' AND c.job IS NULL) AS emptied,
       (SELECT md5(string_agg(f.oid || ':' || f.relfilenode, ',' ORDER BY f.oid)) FROM pg_class f
         WHERE f.oid = t.oid OR f.oid IN (SELECT part.relid FROM pg_partition_tree(t.oid) part)) AS shape,
       (SELECT coalesce(sum(w.n_tup_ins + w.n_tup_upd + w.n_tup_del), 0)::bigint FROM pg_stat_user_tables w
         WHERE w.relid = t.oid OR w.relid IN (SELECT part.relid FROM pg_partition_tree(t.oid) part)) AS tuples,
       coalesce(u.faults, 0) AS faults_counted, u.shape AS shape_counted, u.wanted, u.failure, u.trouble
  FROM tailboard.sources s
  LEFT JOIN pg_class t ON t.oid = to_regclass(s.table_name)
  LEFT JOIN tailboard.upkeep u ON u.source = s.name
 WHERE NOT s.builtin
 ORDER BY s.name
