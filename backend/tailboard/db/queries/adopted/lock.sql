-- The owner's row of one job, locked against changes until the action on it is done. Children may still refer to it.
SELECT FROM {table} WHERE {is_it} FOR NO KEY UPDATE
