-- A fragment: what a time sorts by, in microseconds. One that is none, or infinite, is the lowest that a job of today has.
CASE WHEN isfinite({time}) THEN least(extract(epoch FROM {time}) * 1000000, 9223372036854775807)::bigint ELSE -1 END
