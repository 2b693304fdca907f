-- A source that is about to be counted: its version, which whoever attaches it anew raises, and this snapshot.
SELECT s.version, pg_current_snapshot()::text, floor(extract(epoch FROM clock_timestamp()))::bigint
  FROM tailboard.sources s WHERE s.name = %(source)s AND NOT s.builtin
