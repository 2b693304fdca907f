-- Transactions of this database that have been open for longer than %(longer_s)s seconds, prepared ones too, oldest first.
SELECT * FROM (
    SELECT 'process ' || pid AS who, coalesce(nullif(application_name, ''), 'no name') AS what,
           extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds
      FROM pg_stat_activity
     WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
       AND backend_type = 'client backend'
    UNION ALL
    SELECT 'prepared transaction ' || gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::float8
      FROM pg_prepared_xacts WHERE database = current_database()
) open WHERE seconds > %(longer_s)s ORDER BY seconds DESC LIMIT 10
