-- Whether a source remembers what the log told last, and whether it asks what no row tells.
SELECT to_regproc(format('tailboard.%%I', 'follow_' || %(source)s::text)) IS NOT NULL,
       to_regproc(format('tailboard.%%I', 'poll_' || %(source)s::text)) IS NOT NULL
