-- Begin the counts of a source anew: one change that brings them, and a tick that holds just this change. Run in the
-- REPEATABLE READ transaction in which everything visible has been sealed.
--
-- The tick's snapshot is this transaction's, with the transaction itself made visible: the next seal then takes
-- neither this change again nor misses any other. Ids drawn between the snapshot and our own may be of transactions
-- that run now or have ended since: they count as running, like those that were.
WITH last AS (
    SELECT tick_id, epoch, first_position + n AS next_position FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
), own AS (
    SELECT pg_current_snapshot() AS snap, pg_current_xact_id() AS xid
), running AS (
    SELECT string_agg(x::text, ',' ORDER BY x) AS ids
      FROM (SELECT xip::text::bigint AS x FROM own, pg_snapshot_xip(own.snap) AS xip
            UNION SELECT g FROM own, generate_series(pg_snapshot_xmax(own.snap)::text::bigint,
                                                     own.xid::text::bigint - 1) AS g) ids
), change AS (
    INSERT INTO tailboard.changes (seq, op, source, job)
    VALUES (nextval('tailboard.changes_seq'), 'T', %(source)s, %(baseline)s::jsonb)
    RETURNING seq, xid
), tick AS (
    INSERT INTO tailboard.ticks (tick_id, epoch, snap, first_position, n, xids, seqs)
    SELECT last.tick_id + 1, last.epoch,
           format('%%s:%%s:%%s', pg_snapshot_xmin(own.snap), own.xid::text::bigint + 1, running.ids)::pg_snapshot,
           last.next_position, 1, ARRAY[change.xid], int8multirange(int8range(change.seq, change.seq, '[]'))
      FROM last, own, running, change
)
SELECT change.seq, CASE WHEN %(ring)s THEN pg_notify('tailboard_tick', '') END FROM change
