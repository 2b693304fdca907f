-- The triggers on the built-in table, known by what they call: which of the needed ones are there, and fire always.
SELECT coalesce(quote_ident(t.tgname), needed.name) AS name, t.tgenabled = 'A' AS fires, coalesce(p.prosecdef, false) AS calls
  FROM (VALUES ('tailboard_capture_insert', 'capture_job_insert'),
               ('tailboard_capture_update', 'capture_job_update'),
               ('tailboard_capture_delete', 'capture_job_delete'),
               ('tailboard_truncate', 'capture_truncate'))
       AS needed (name, function)
  LEFT JOIN pg_proc p ON p.proname = needed.function AND p.pronamespace = to_regnamespace('tailboard')
  LEFT JOIN pg_trigger t ON t.tgfoid = p.oid AND t.tgrelid = to_regclass('tailboard.jobs')
 ORDER BY needed.name
