-- How each adopted source fares: what the leader has noted, and what its capture could not record.
SELECT s.name, s.table_name, s.synced, u.counted_at, u.wanted, u.failure, u.trouble, u.trouble_at,
       coalesce(pg_sequence_last_value(to_regclass(format('tailboard.%%I', 'faults_' || s.name))), 0) AS faults,
       coalesce(u.faults, 0) AS faults_reconciled,
       (SELECT f.message FROM tailboard.faults f WHERE f.source = s.name ORDER BY f.n DESC LIMIT 1) AS last_fault,
       (SELECT f.at FROM tailboard.faults f WHERE f.source = s.name ORDER BY f.n DESC LIMIT 1) AS last_fault_at
  FROM tailboard.sources s
  LEFT JOIN tailboard.upkeep u ON u.source = s.name
 WHERE NOT s.builtin
 ORDER BY s.name
