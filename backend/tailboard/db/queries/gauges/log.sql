-- How large the log is, and from where to where it reaches. Sizes are the file system's; the two ticks have their indexes.
SELECT (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
          FROM pg_inherits WHERE inhparent = 'tailboard.changes'::regclass) AS bytes,
       extract(epoch FROM clock_timestamp() - first.at)::float8 AS reach_s,
       first.position AS first_position, last.position AS last_position
  FROM (SELECT at, first_position AS position FROM tailboard.ticks ORDER BY first_position, tick_id LIMIT 1) first,
       (SELECT first_position + n - 1 AS position FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1) last
