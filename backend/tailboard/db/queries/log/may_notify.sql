-- Whether writers may NOTIFY, and how full the queue of notifications is, from 0 to 1: at 1, commits that NOTIFY fail.
SELECT value = 'true' AS wanted, pg_notification_queue_usage() AS used FROM tailboard.settings WHERE key = 'notify'
