-- What is written for a source: its functions, the capture as it is to be written for the next leaf, and the columns
-- that they were written for.
SELECT pg_get_functiondef(p.oid)
  FROM pg_proc p
 WHERE p.pronamespace = 'tailboard'::regnamespace
   AND p.proname IN (SELECT (made || %(name)s)::name
                       FROM unnest(ARRAY['source_', 'watch_', 'touch_', 'follow_', 'poll_', 'remember_']) AS made)
UNION ALL
SELECT unnest(ARRAY[s.capture, s.columns::text]) FROM tailboard.sources s WHERE s.name = %(name)s
 ORDER BY 1
