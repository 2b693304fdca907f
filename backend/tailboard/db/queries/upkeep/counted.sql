-- The counts of a source hold from here on: what they make good, and the change that brought them, where one did.
WITH synced AS (
    UPDATE tailboard.sources SET synced = true WHERE name = %(source)s AND NOT synced
)
INSERT INTO tailboard.upkeep AS u (source, baseline, counted_at, faults, shape)
VALUES (%(source)s, coalesce(%(baseline)s::bigint, 0), clock_timestamp(), %(faults)s, %(shape)s)
    ON CONFLICT (source) DO UPDATE
   SET baseline = greatest(u.baseline, EXCLUDED.baseline), counted_at = EXCLUDED.counted_at,
       faults = EXCLUDED.faults, shape = EXCLUDED.shape, wanted = NULL, failure = NULL
