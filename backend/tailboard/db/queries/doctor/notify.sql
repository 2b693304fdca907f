-- How full the queue of notifications is: from 0 to 1 for the whole cluster. At 1, commits that NOTIFY fail.
SELECT pg_notification_queue_usage() AS used
