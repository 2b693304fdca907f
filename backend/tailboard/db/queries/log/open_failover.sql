-- The same cluster on a new timeline: transaction ids go on, so the old rule still tells what is unsealed. An empty
-- tick carries the old snapshot into the new epoch; positions beyond it that a lost primary gave out are void.
WITH last AS (
    SELECT tick_id, snap, first_position + n AS next_position FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
), epoch AS (
    INSERT INTO tailboard.epochs (epoch, system_identifier, timeline, database_oid, floor_seq, start_position)
    SELECT e.epoch + %(step)s, %(system_identifier)s, %(timeline)s, %(database_oid)s, e.floor_seq, last.next_position - 1
      FROM last, (SELECT epoch, floor_seq FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1) e
    RETURNING epoch
), tick AS (
    INSERT INTO tailboard.ticks (tick_id, epoch, snap, first_position, n, xids, seqs)
    SELECT last.tick_id + 1, epoch.epoch, last.snap, last.next_position, 0, '{}', '{}' FROM last, epoch
)
SELECT pg_notify('tailboard_tick', '') WHERE %(ring)s
