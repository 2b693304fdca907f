-- An id that several rows have or, as NULL, that a row lacks, with the number of these rows.
SELECT min(i.id::text), count(*) FROM (SELECT {id} AS id FROM {rows} AS {job}) AS i
 GROUP BY i.id HAVING count(*) > 1 OR i.id IS NULL LIMIT 1
