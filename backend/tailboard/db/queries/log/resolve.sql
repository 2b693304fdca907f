-- Why reading cannot go on from a cursor, if it cannot; one rule for SQL and for the server.
SELECT reason FROM tailboard.resolve_cursor(%(cursor)s)
