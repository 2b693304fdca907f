-- How large the log is, whether leaves are ready ahead of the writers, and what went into the overflow.
SELECT (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
          FROM pg_inherits WHERE inhparent = 'tailboard.changes'::regclass) AS bytes,
       (SELECT count(*) FROM tailboard.leaves
         WHERE from_seq > coalesce(pg_sequence_last_value('tailboard.changes_seq'), 0)) AS ahead,
       (SELECT count(*) FROM tailboard.changes_overflow) AS overflow,
       (SELECT extract(epoch FROM clock_timestamp() - min(at))::float8 FROM tailboard.ticks) AS age_s,
       (SELECT extract(epoch FROM clock_timestamp() - max(at))::float8 FROM tailboard.checkpoints) AS checkpoint_s
