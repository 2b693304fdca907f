-- Another cluster or database: stored transaction ids mean nothing here. Run with the writers locked out, so that
-- every change that exists is visible and every later one has a higher seq. What no tick names is sealed now, and
-- the floor keeps later seals from taking any of it for new.
WITH last AS (
    SELECT tick_id, first_position + n AS next_position FROM tailboard.ticks ORDER BY tick_id DESC LIMIT 1
), epoch AS (
    INSERT INTO tailboard.epochs (epoch, system_identifier, timeline, database_oid, floor_seq, start_position)
    SELECT e.epoch + %(step)s, %(system_identifier)s, %(timeline)s, %(database_oid)s, %(floor)s, last.next_position - 1
      FROM last, (SELECT epoch FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1) e
    RETURNING epoch
), named AS (
    SELECT coalesce(range_agg(s), '{}') AS seqs FROM tailboard.ticks, unnest(seqs) AS s
), placed AS (
    SELECT c.seq, c.xid, row_number() OVER (ORDER BY c.seq) - 1 AS place
      FROM tailboard.changes c, named WHERE NOT c.seq <@ named.seqs
), chunks AS (
    SELECT place / 500 AS chunk, min(place) AS place, count(*) AS n, array_agg(DISTINCT xid) AS xids,
           range_agg(int8range(seq, seq, '[]') ORDER BY seq) AS seqs
      FROM placed GROUP BY place / 500
    UNION ALL
    SELECT 0, 0, 0, '{}', '{}' WHERE NOT EXISTS (SELECT FROM placed)
), tick AS (
    INSERT INTO tailboard.ticks (tick_id, epoch, snap, first_position, n, xids, seqs)
    SELECT last.tick_id + 1 + chunk, epoch.epoch, pg_current_snapshot(), last.next_position + place, n, xids, seqs
      FROM chunks, last, epoch ORDER BY chunk
)
SELECT pg_notify('tailboard_tick', '') WHERE %(ring)s
