-- The next jobs that an action reaches, locked; jobs that somebody else has locked are left to them.
SELECT k.id FROM tailboard.jobs k
 WHERE {matches} AND k.status = ANY (%(allowed)s::text[]) AND k.id > %(after)s
 ORDER BY k.id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
