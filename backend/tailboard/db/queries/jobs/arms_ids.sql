-- A fragment: jobs named by their ids.
SELECT 1 AS arm, k.id, {ok} AS ok FROM tailboard.jobs k WHERE k.id = ANY (%(ids)s::bigint[]) AND k.id {beyond} %(after)s::bigint
