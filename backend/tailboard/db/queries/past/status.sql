-- A fragment: the status that the change `l` left its job in, as it was at the moment: a job that becomes due becomes
-- pending without any write.
CASE WHEN l.new_status = 'scheduled' AND l.due <= date_trunc('second', %(at)s::timestamptz) THEN 'pending' ELSE l.new_status END
