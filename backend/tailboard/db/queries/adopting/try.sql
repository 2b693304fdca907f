-- Evaluates every expression of a source on some rows: their text needs each of them.
SELECT sum(octet_length(j::text)) FROM (SELECT * FROM {function}() LIMIT 100) AS j
