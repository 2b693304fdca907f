-- What this server is, and which table its ticks are in. A restore, a failover or a clone changes at least one of the four;
-- the last alone where a database is restored over itself.
SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database_oid,
       'tailboard.ticks'::regclass::oid AS ticks_oid
