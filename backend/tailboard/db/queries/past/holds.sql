-- A fragment: whether the change `l` was readable at a moment: sealed by its tick up to its cut, or before.
-- Most changes are decided by two numbers; only those that were drawn near the moment have to be looked up.
(l.seq <= {drawn} AND (l.seq <= {solid} OR EXISTS (
    SELECT FROM tailboard.ticks s
     WHERE s.seqs @> l.seq AND (s.tick_id < {tick_id} OR s.tick_id = {tick_id} AND l.seq <= {cut}))))
