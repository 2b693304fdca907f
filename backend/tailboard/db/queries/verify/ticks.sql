-- Ticks that do not follow the one before them, or do not hold what they say.
SELECT t.tick_id,
       CASE
           WHEN t.tick_id <> t.before_id + 1 THEN format('it follows tick %%s', t.before_id)
           WHEN t.first_position <> t.before_end + 1 THEN
               format('it starts at position %%s, the tick before it ended at %%s', t.first_position, t.before_end)
           ELSE format('it says it has %%s changes and names %%s', t.n, t.named)
       END AS difference
  FROM (SELECT tick_id, first_position, n,
               lag(tick_id) OVER w AS before_id,
               lag(first_position + n - 1) OVER w AS before_end,
               (SELECT coalesce(sum(upper(s) - lower(s)), 0) FROM unnest(seqs) s) AS named
          FROM tailboard.ticks
        WINDOW w AS (ORDER BY tick_id)) t
 WHERE t.tick_id <> t.before_id + 1 OR t.first_position <> t.before_end + 1 OR t.n <> t.named
 ORDER BY t.tick_id
