-- An adopted source counted, as the stats count it: by queue, status, and the second at which time makes a job pending.
SELECT coalesce(s.queue, ''), s.status, tailboard.due_second(s.due), count(*)
  FROM {source} s GROUP BY 1, 2, 3
