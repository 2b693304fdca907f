-- The statuses that are in a table, as its owner writes them, and how many rows have each.
SELECT {status}::text, count(*) FROM {rows} AS {job} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {shown}
