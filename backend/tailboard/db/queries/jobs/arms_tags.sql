-- A fragment: jobs with any of the tags, from jobs_tags. In no order: of use only where there are fewer than asked for.
(SELECT 1 AS arm, k.id, {ok} AS ok FROM tailboard.jobs k
  WHERE k.tags <> '{{}}' AND k.tags && %(tags)s::text[] AND k.id {beyond} %(after)s::bigint LIMIT %(depth)s)
