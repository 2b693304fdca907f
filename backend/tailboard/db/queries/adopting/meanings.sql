-- What the deletion of one of some rows would mean, where that is no status.
SELECT m.meaning FROM (SELECT {meaning}::text AS meaning FROM {rows} AS {job} LIMIT 100) AS m
 WHERE m.meaning <> ALL (%(statuses)s::text[]) LIMIT 1
