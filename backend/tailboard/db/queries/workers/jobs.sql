-- What is being worked on, and by whom. Bounded: a board shows no more.
SELECT j.worker, j.id, {card}, log.version
  FROM (SELECT * FROM tailboard.jobs
         WHERE status = 'in_progress' AND worker IS NOT NULL ORDER BY id DESC LIMIT %(most)s) j
 CROSS JOIN {size} CROSS JOIN {version}
 ORDER BY j.id
