-- The newest fold at or below a position. It is chosen before any is read: one may be megabytes.
SELECT epoch, position, state::text FROM tailboard.checkpoints
 WHERE (projection, position) = (
       SELECT projection, position FROM tailboard.checkpoints
        WHERE projection IN ('past', 'board') AND position <= %(position)s
          AND position >= (SELECT first_position - 1 FROM tailboard.ticks ORDER BY first_position LIMIT 1)
        ORDER BY position DESC LIMIT 1)
