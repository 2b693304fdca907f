-- A fragment: the next jobs whatever they are, from the primary key.
(SELECT 1 AS arm, k.id, {ok} AS ok FROM tailboard.jobs k
  WHERE k.id {beyond} %(after)s::bigint ORDER BY k.id {direction} LIMIT %(depth)s)
