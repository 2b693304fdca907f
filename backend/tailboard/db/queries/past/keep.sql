-- Keep a fold for those who look into the past, and forget those that the log no longer continues. Only at a place that
-- this database has: a fold that ran ahead on a lost primary must not outlive it.
WITH forgotten AS (
    DELETE FROM tailboard.checkpoints
     WHERE projection = 'past'
       AND position < (SELECT first_position - 1 FROM tailboard.ticks ORDER BY first_position LIMIT 1)
)
INSERT INTO tailboard.checkpoints (projection, epoch, position, state)
SELECT 'past', %(epoch)s, %(position)s, %(state)s::jsonb
 WHERE EXISTS (SELECT FROM tailboard.ticks WHERE epoch = %(epoch)s AND first_position <= %(position)s::bigint + 1
                  AND first_position + n - 1 >= %(position)s AND first_position > %(position)s::bigint - 500)
ON CONFLICT (projection, position) DO UPDATE SET epoch = EXCLUDED.epoch, state = EXCLUDED.state, at = EXCLUDED.at
RETURNING position
