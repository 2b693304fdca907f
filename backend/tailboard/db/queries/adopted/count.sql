-- How many jobs of an adopted source are in the filter, counted up to a limit.
SELECT count(*) FROM (SELECT FROM {source} s WHERE {matches} LIMIT %(at_most)s) reached
