-- Forgets the beginning of the log tick by tick, of at most `most` changes at a time; returns how many ticks went. For a leaf that takes longer to
-- fill than the log is kept: as a whole it would go very late. Where leaves fill sooner, drop_leaf is much the cheaper way.
-- It goes as far as the newest fold that was kept `age` ago: all below it is older, and the past begins where its counts are known.
CREATE FUNCTION tailboard.trim_log(age interval, checkpoint bigint, most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    fold bigint;
    last bigint;
    trimmed integer;
BEGIN
    IF (SELECT leaf FROM tailboard.leaves ORDER BY from_seq LIMIT 1)
       IS DISTINCT FROM (SELECT value #>> '{}' FROM tailboard.settings WHERE key = 'capture_leaf') THEN
        RETURN 0;
    END IF;
    SELECT max(c."position") INTO fold FROM tailboard.checkpoints c
     WHERE c.projection = 'past' AND c.at <= clock_timestamp() - age AND c."position" <= checkpoint;
    -- never the newest tick: the next one goes on from it
    SELECT max(t.tick_id) INTO last
      FROM (SELECT tick_id, first_position + n - 1 AS "position", row_number() OVER before AS number, sum(n) OVER before AS sum
              FROM (SELECT * FROM tailboard.ticks ORDER BY tick_id LIMIT trim_log.most) oldest
            WINDOW before AS (ORDER BY tick_id)) t
     WHERE t."position" <= fold AND (t.sum <= trim_log.most OR t.number = 1)
       AND t.tick_id < (SELECT max(tick_id) FROM tailboard.ticks);
    IF last IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM tailboard.changes c
     USING tailboard.ticks t
     WHERE t.tick_id <= last AND c.xid = ANY (t.xids) AND c.seq >= lower(t.seqs) AND c.seq < upper(t.seqs) AND c.seq <@ t.seqs;
    DELETE FROM tailboard.ticks WHERE tick_id <= last;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    RETURN trimmed;
END $$;
COMMENT ON FUNCTION tailboard.trim_log IS 'Forgets the oldest changes of a leaf that is still written to; the floor of the log rises';
