-- The triggers on the built-in table: which of the needed ones are there, fire always, and call what they should.
SELECT needed.name, t.tgenabled = 'A' AS fires, p.oid IS NOT NULL AND p.prosecdef AS calls
  FROM (VALUES ('tailboard_capture_insert', 'capture_job_insert'),
               ('tailboard_capture_update', 'capture_job_update'),
               ('tailboard_capture_delete', 'capture_job_delete'),
               ('tailboard_truncate', 'capture_truncate'))
       AS needed (name, function)
  LEFT JOIN pg_trigger t ON t.tgname = needed.name AND t.tgrelid = to_regclass('tailboard.jobs')
  LEFT JOIN pg_proc p ON p.oid = t.tgfoid AND p.proname = needed.function
                     AND p.pronamespace = to_regnamespace('tailboard')
 ORDER BY needed.name
