-- Transactions that have been open for longer than %(longer_s)s seconds, prepared ones too: those of this database, and
-- those of others that have written, because they keep the sealer awake as well. Those that have written come first,
-- the oldest before the others.
SELECT * FROM (
    SELECT 'process ' || pid AS who, coalesce(nullif(application_name, ''), 'no name') AS what,
           CASE WHEN datname <> current_database() THEN ', in database ' || datname ELSE '' END AS place,
           extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds, backend_xid IS NOT NULL AS wrote
      FROM pg_stat_activity
     WHERE (datname = current_database() OR backend_xid IS NOT NULL) AND xact_start IS NOT NULL
       AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    UNION ALL
    SELECT 'prepared transaction ' || gid, owner::text,
           CASE WHEN database <> current_database() THEN ', in database ' || database ELSE '' END,
           extract(epoch FROM clock_timestamp() - prepared)::float8, true
      FROM pg_prepared_xacts
) open WHERE seconds > %(longer_s)s ORDER BY wrote DESC, seconds DESC LIMIT 10
