-- Save a fold, and keep the three newest. Only at the end of a tick that this database has: a fold that ran ahead on
-- a lost primary must not outlive it.
WITH saved AS (
    INSERT INTO tailboard.checkpoints (projection, epoch, position, state)
    SELECT 'board', %(epoch)s, %(position)s, %(state)s::jsonb
     WHERE EXISTS (SELECT FROM tailboard.ticks WHERE epoch = %(epoch)s AND first_position <= %(position)s::bigint + 1
                      AND first_position + n - 1 = %(position)s AND first_position > %(position)s::bigint - 500)
    ON CONFLICT (projection, position) DO UPDATE SET epoch = EXCLUDED.epoch, state = EXCLUDED.state, at = EXCLUDED.at
    RETURNING 1
), forgotten AS (
    DELETE FROM tailboard.checkpoints
     WHERE projection = 'board'
       AND position < (SELECT min(position) FROM (SELECT position FROM tailboard.checkpoints
                        WHERE projection = 'board' ORDER BY position DESC LIMIT 2) newest)
)
SELECT EXISTS (SELECT FROM saved) AS saved
