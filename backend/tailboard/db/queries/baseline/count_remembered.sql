-- A source that remembers, counted: from what the log told last of each job, which is what later changes are told against.
SELECT coalesce(r.job ->> 'queue', ''), r.status, tailboard.due_second(r.due), count(*)
  FROM tailboard.remembered r WHERE r.source = {name} GROUP BY 1, 2, 3
