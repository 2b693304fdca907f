-- Where the log ended at a time: what had been sealed by then.
SELECT first_position + n - 1 FROM tailboard.ticks WHERE at <= %(at)s ORDER BY at DESC, tick_id DESC LIMIT 1
