-- What server this is, and how safely it writes.
SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
       pg_is_in_recovery() AS standby, current_setting('fsync') = 'on' AS fsync,
       current_setting('full_page_writes') = 'on' AS full_pages,
       current_setting('server_encoding') AS encoding
