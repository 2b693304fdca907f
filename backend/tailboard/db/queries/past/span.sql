-- From where to where the past can be shown: from the oldest fold that the log still continues, to where it ends.
SELECT clock_timestamp() AS now, first.floor, first.floor <= 0 AS whole, first.epoch, first.at,
       (SELECT min(position) FROM tailboard.checkpoints WHERE projection = 'past' AND position >= first.floor) AS start,
       head.epoch, head.position, head.at
  FROM (SELECT epoch, at, first_position - 1 AS floor FROM tailboard.ticks ORDER BY first_position, tick_id LIMIT 1) first,
       (SELECT epoch, at, first_position + n - 1 AS position FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1) head
