-- A fragment: the card that the change `l` left, with the status of the moment.
CASE WHEN l.new_status = 'scheduled' AND l.due <= date_trunc('second', %(at)s::timestamptz)
     THEN jsonb_set(l.job, ARRAY['status'], '"pending"') ELSE l.job END
