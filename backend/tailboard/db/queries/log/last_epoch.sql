-- The current incarnation of the log.
SELECT epoch, system_identifier, timeline, database_oid, floor_seq
  FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1
