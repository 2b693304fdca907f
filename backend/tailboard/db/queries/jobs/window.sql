-- A page of jobs in an order that no index has, or with a text search: over a window of the newest candidates, from
-- `top` down to `floor` (found by the first page, kept by the following ones), and over what the text names outright.
WITH candidate AS MATERIALIZED ({arms}),
cut AS (
    SELECT max(arm.reached) AS id
      FROM (SELECT min(c.id) AS reached FROM candidate c GROUP BY c.arm HAVING count(*) >= %(depth)s) arm),
near AS MATERIALIZED (
    SELECT c.id, c.ok FROM candidate c CROSS JOIN cut
     WHERE (cut.id IS NULL OR c.id >= cut.id) AND c.id >= %(floor)s
     ORDER BY c.id DESC LIMIT %(breadth)s),
frontier AS (
    SELECT CASE WHEN count(*) >= %(breadth)s THEN min(n.id) ELSE (SELECT cut.id FROM cut) END AS id FROM near n),
looked_at AS (
    SELECT w.id, bool_or(w.named) AS named
      FROM (SELECT n.id, false AS named FROM near n WHERE n.ok UNION ALL SELECT o.id, true FROM ({named}) o) w
     WHERE w.id < %(after)s
     GROUP BY w.id),
ranked AS (
    SELECT j, j.id, r.rank, r.tie
      FROM looked_at l CROSS JOIN LATERAL (
           SELECT k.* FROM tailboard.jobs k
            WHERE k.id = l.id AND {matches}
              AND (l.named OR {contains})
           OFFSET 0) j
     CROSS JOIN LATERAL (SELECT
           CASE %(sort)s::text
               WHEN 'oldest' THEN -j.id
               WHEN 'priority' THEN j.priority
               WHEN 'started' THEN {started}
               WHEN 'finished' THEN {finished}
               ELSE j.id END::bigint AS rank,
           CASE %(sort)s::text WHEN 'priority' THEN -j.id ELSE j.id END AS tie) r),
page AS MATERIALIZED (
    SELECT ranked.j, ranked.rank, ranked.tie FROM ranked
     WHERE %(rank)s::bigint IS NULL OR (ranked.rank, ranked.tie) < (%(rank)s::bigint, %(tie)s::bigint)
     ORDER BY ranked.rank DESC, ranked.tie DESC LIMIT %(limit)s)
SELECT frontier.id, listed.id, listed.card, listed.version, listed.rank, listed.tie
  FROM frontier LEFT JOIN (
       SELECT j.id, {card} AS card, log.version, page.rank, page.tie
         FROM page CROSS JOIN LATERAL (SELECT (page.j).*) j CROSS JOIN {size} CROSS JOIN {version}) listed ON true
 ORDER BY listed.rank DESC, listed.tie DESC
