-- How many jobs an action would reach, counted up to a limit.
SELECT count(*) FROM (SELECT FROM tailboard.jobs k
                       WHERE {matches} AND k.status = ANY (%(allowed)s::text[]) LIMIT %(at_most)s) reached
