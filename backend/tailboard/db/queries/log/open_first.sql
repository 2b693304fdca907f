-- The first epoch of a new log, and the tick before all others: nothing is visible in its snapshot.
WITH epoch AS (
    INSERT INTO tailboard.epochs (epoch, system_identifier, timeline, database_oid, floor_seq, start_position)
    VALUES (1, %(system_identifier)s, %(timeline)s, %(database_oid)s, 0, 0)
)
INSERT INTO tailboard.ticks (tick_id, epoch, snap, first_position, n, xids, seqs)
VALUES (0, 1, '1:1:', 1, 0, '{}', '{}')
