-- Keep what was seen of a source, for every node to show.
INSERT INTO tailboard.upkeep AS u (source, wanted, failure, trouble, trouble_at)
SELECT %(source)s, %(wanted)s, %(failure)s, %(trouble)s, CASE WHEN %(trouble)s::text IS NOT NULL THEN clock_timestamp() END
 WHERE EXISTS (SELECT FROM tailboard.sources WHERE name = %(source)s)
    ON CONFLICT (source) DO UPDATE
   SET wanted = EXCLUDED.wanted, failure = EXCLUDED.failure, trouble = EXCLUDED.trouble,
       trouble_at = CASE WHEN u.trouble IS NOT DISTINCT FROM EXCLUDED.trouble THEN u.trouble_at ELSE EXCLUDED.trouble_at END
