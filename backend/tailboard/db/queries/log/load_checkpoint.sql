-- The newest fold.
SELECT epoch, position, state::text FROM tailboard.checkpoints WHERE projection = 'board' ORDER BY position DESC LIMIT 1
