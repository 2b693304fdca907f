-- Where reading goes on from a cursor, or why it cannot; one rule for SQL and for the server.
SELECT position, reason FROM tailboard.resolve_cursor(%(cursor)s)
