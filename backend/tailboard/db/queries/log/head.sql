-- The newest tick: where the log ends now.
SELECT tick_id, epoch, first_position + n - 1 AS position, clock_timestamp() AS at
  FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
