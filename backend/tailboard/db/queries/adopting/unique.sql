-- Whether an index keeps a column unique and a constraint keeps it from being NULL.
SELECT FROM pg_index i
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
 WHERE i.indrelid = %(table)s::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1
   AND a.attnotnull AND a.attname = %(id)s LIMIT 1
