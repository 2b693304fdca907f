-- The next jobs of an adopted source in its own order: their ids, and when they were created where that is the order.
SELECT s.id::text, ({at})::text FROM {source} s WHERE {matches} AND {beyond} ORDER BY {order} LIMIT %(limit)s
