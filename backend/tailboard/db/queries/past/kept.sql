-- Where the newest fold for the past stands.
SELECT coalesce(max(position), -1) FROM tailboard.checkpoints WHERE projection = 'past'
