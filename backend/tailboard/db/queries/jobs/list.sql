-- A page of jobs by id. Arms (a value and a status each) give the next `depth` candidates of an index and say which of
-- them match. Beyond the frontier an arm was cut off, so what lies there may be incomplete: a page ends before it.
-- One row holds the frontier, and how many arms were cut, even where no job was found.
WITH candidate AS MATERIALIZED ({arms}),
frontier AS (
    SELECT {nearest}(arm.reached) AS id, count(*) AS cut
      FROM (SELECT {farthest}(c.id) AS reached FROM candidate c GROUP BY c.arm HAVING count(*) >= %(depth)s) arm),
page AS MATERIALIZED (
    SELECT j FROM (SELECT c.id FROM candidate c CROSS JOIN frontier f
                    WHERE c.ok AND (f.id IS NULL OR c.id {not_beyond} f.id)
                    ORDER BY c.id {direction} LIMIT %(limit)s) near
     CROSS JOIN LATERAL (SELECT k.* FROM tailboard.jobs k WHERE k.id = near.id OFFSET 0) j)
SELECT frontier.id, frontier.cut, listed.id, listed.card, listed.version
  FROM frontier LEFT JOIN (
       SELECT j.id, {card} AS card, log.version
         FROM (SELECT (page.j).* FROM page) j CROSS JOIN {size} CROSS JOIN {version}) listed ON true
 ORDER BY listed.id {direction}
