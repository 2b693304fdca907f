-- Whether workers may use two-phase commit while writers NOTIFY, which PREPARE TRANSACTION refuses.
SELECT current_setting('max_prepared_transactions')::int AS allowed,
       (SELECT value = 'true' FROM tailboard.settings WHERE key = 'notify') AS notify
