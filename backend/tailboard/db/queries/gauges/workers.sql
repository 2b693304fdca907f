-- Workers that were seen within a day, by how long they have been silent, and the oldest built-in jobs in progress by
-- the silence of the worker that has them. Times are compared, not subtracted: a worker may have written infinity.
WITH bounds AS (
    SELECT clock_timestamp() - make_interval(secs => %(late_s)s) AS late,
           clock_timestamp() - make_interval(secs => %(lost_s)s) AS lost,
           clock_timestamp() - interval '1 day' AS gone
)
SELECT crew.*, held.*
  FROM bounds
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE w.seen_at >= bounds.late) AS alive,
                            count(*) FILTER (WHERE w.seen_at < bounds.late AND w.seen_at >= bounds.lost) AS late,
                            count(*) FILTER (WHERE w.seen_at < bounds.lost AND w.seen_at > bounds.gone) AS lost
                       FROM (SELECT seen_at FROM tailboard.workers LIMIT %(workers)s) w) crew
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE w.seen_at >= bounds.late) AS held_alive,
                            count(*) FILTER (WHERE w.seen_at < bounds.late AND w.seen_at >= bounds.lost) AS held_late,
                            count(*) FILTER (WHERE w.seen_at < bounds.lost) AS held_lost
                       FROM (SELECT worker FROM tailboard.jobs WHERE status = 'in_progress' ORDER BY id LIMIT %(jobs)s) j
                       JOIN tailboard.workers w ON w.name = j.worker) held
