-- What the workers of an adopted source have in hand. Bounded: a board shows no more.
SELECT s.id::text, s.worker FROM {source} s WHERE {matches} AND s.worker IS NOT NULL LIMIT %(limit)s
