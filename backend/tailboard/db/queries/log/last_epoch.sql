-- The current incarnation of the log. `ticks_oid` is NULL where no server of a release that notes it has led yet.
SELECT epoch, system_identifier, timeline, database_oid, floor_seq,
       (SELECT value::text::oid FROM tailboard.settings WHERE key = 'ticks_oid') AS ticks_oid
  FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1
