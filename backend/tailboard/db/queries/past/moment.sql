-- The tick that holds a position, with the seq of the change there as its cut: of this tick, what lies above is later.
SELECT t.epoch, t.at, t.tick_id, t.solid, t.drawn,
       (SELECT lower(r.s) + (%(position)s - t.first_position - r.before)
          FROM (SELECT s, sum(upper(s) - lower(s)) OVER (ORDER BY lower(s))::bigint - (upper(s) - lower(s)) AS before
                  FROM unnest(t.seqs) AS s) r
         WHERE r.before <= %(position)s - t.first_position ORDER BY r.before DESC LIMIT 1) AS cut
  FROM (SELECT * FROM tailboard.ticks WHERE first_position <= %(position)s
         ORDER BY first_position DESC, tick_id DESC LIMIT 1) t
