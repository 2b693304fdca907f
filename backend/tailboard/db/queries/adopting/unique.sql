-- Whether an index keeps rows apart by some of these columns, none of which may be NULL.
SELECT FROM pg_index i
 WHERE i.indrelid = %(table)s::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
   AND NOT EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
                      AND NOT (a.attnotnull AND a.attname = ANY (%(columns)s)))
 LIMIT 1
