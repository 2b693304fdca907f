-- Kinds, queues and workers whose names begin with a text, at most ten of each. Each step jumps to the next name in an
-- index; after 300 names the search for more is given up.
WITH RECURSIVE
kind AS (
    (SELECT a.kind AS name, 1 AS n FROM tailboard.jobs a ORDER BY a.kind LIMIT 1)
    UNION ALL
    SELECT (SELECT a.kind FROM tailboard.jobs a WHERE a.kind > kind.name ORDER BY a.kind LIMIT 1), kind.n + 1
      FROM kind WHERE kind.name IS NOT NULL AND kind.n < 300),
queue AS (
    (SELECT a.queue AS name, 1 AS n FROM tailboard.jobs a ORDER BY a.queue LIMIT 1)
    UNION ALL
    SELECT (SELECT a.queue FROM tailboard.jobs a WHERE a.queue > queue.name ORDER BY a.queue LIMIT 1), queue.n + 1
      FROM queue WHERE queue.name IS NOT NULL AND queue.n < 300),
worker AS (
    (SELECT a.worker AS name, 1 AS n FROM tailboard.jobs a WHERE a.worker IS NOT NULL ORDER BY a.worker LIMIT 1)
    UNION ALL
    SELECT (SELECT a.worker FROM tailboard.jobs a WHERE a.worker > worker.name ORDER BY a.worker LIMIT 1), worker.n + 1
      FROM worker WHERE worker.name IS NOT NULL AND worker.n < 300)
SELECT ARRAY(SELECT name FROM kind WHERE starts_with(lower(name), lower(%(q)s::text)) LIMIT 10),
       ARRAY(SELECT name FROM queue WHERE starts_with(lower(name), lower(%(q)s::text)) LIMIT 10),
       ARRAY(SELECT name FROM worker WHERE starts_with(lower(name), lower(%(q)s::text)) LIMIT 10)
