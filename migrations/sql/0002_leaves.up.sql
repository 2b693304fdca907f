-- The partitions of the log: made ahead of need, and dropped when they are old.

-- Makes the leaf that follows the last one, and points the capture at the leaf that writers are in.
-- Safe to call at any time; returns how many leaves it made. Leaves begin after every number drawn so far, so
-- rows that went to the overflow meanwhile stay there and no writer is moved from under its feet.
CREATE FUNCTION tailboard.make_leaves(ahead integer DEFAULT 2) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size bigint := (SELECT value::text::bigint FROM tailboard.settings WHERE key = 'leaf_rows');
    drawn bigint;
    last_to bigint;
    current record;
    made integer := 0;
    first bigint;
BEGIN
    LOCK TABLE tailboard.leaves IN SHARE ROW EXCLUSIVE MODE; -- one caller at a time; the others find what it made
    drawn := coalesce(pg_sequence_last_value('tailboard.changes_seq'), 0);
    last_to := coalesce((SELECT max(to_seq) FROM tailboard.leaves), 0);
    IF last_to <= drawn THEN
        -- The leaves ran out while nobody made any. Leave a margin for numbers drawn from here until this commits.
        last_to := CASE WHEN drawn = 0 THEN 1 ELSE drawn + greatest(10000, size / 10) END;
    END IF;
    WHILE (SELECT count(*) FROM tailboard.leaves WHERE from_seq > drawn) < ahead
       OR NOT EXISTS (SELECT FROM tailboard.leaves) LOOP
        first := last_to;
        last_to := first + size;
        -- Not CREATE ... PARTITION OF, which waits for every open transaction that has written to the log.
        EXECUTE format('CREATE TABLE tailboard.%I (LIKE tailboard.changes INCLUDING DEFAULTS)', 'changes_' || first);
        EXECUTE format('ALTER TABLE tailboard.%I REPLICA IDENTITY FULL', 'changes_' || first); -- as the overflow
        EXECUTE format('ALTER TABLE tailboard.changes ATTACH PARTITION tailboard.%I FOR VALUES FROM (%s) TO (%s)',
                       'changes_' || first, first, last_to);
        INSERT INTO tailboard.leaves (leaf, from_seq, to_seq) VALUES ('changes_' || first, first, last_to);
        made := made + 1;
    END LOOP;
    -- The capture inserts into this partition without routing, so the next number has to be in its range; in the gap
    -- before a leaf that lies ahead, that is the overflow.
    SELECT CASE WHEN l.from_seq <= drawn + 1 THEN l.leaf ELSE 'changes_overflow' END AS leaf,
           CASE WHEN l.from_seq <= drawn + 1 THEN l.to_seq ELSE l.from_seq END AS to_seq
      INTO current FROM tailboard.leaves l WHERE l.to_seq > drawn + 1 ORDER BY l.from_seq LIMIT 1;
    IF current.leaf IS DISTINCT FROM (SELECT value #>> '{}' FROM tailboard.settings WHERE key = 'capture_leaf') THEN
        PERFORM tailboard.write_capture(current.leaf, current.to_seq);
        IF to_regproc('tailboard.write_captures') IS NOT NULL THEN -- those of adopted sources, from 0005 on
            PERFORM tailboard.write_captures();
        END IF;
        INSERT INTO tailboard.settings (key, value) VALUES ('capture_leaf', to_jsonb(current.leaf::text))
            ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
    END IF;
    DELETE FROM tailboard.overtakings; -- what can be seen of them is of transactions that have ended
    RETURN made;
END $$;

-- Drops the oldest leaf if all of it is sealed, older than `age` and folded into a checkpoint, and with it the ticks
-- up to its last change and all that they name: the floor of the log rises. Returns its name, or NULL when nothing may go yet.
CREATE FUNCTION tailboard.drop_leaf(age interval, low bigint, checkpoint bigint) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    oldest tailboard.leaves;
    newest_tick bigint := (SELECT max(tick_id) FROM tailboard.ticks);
    last record;
BEGIN
    SELECT * INTO oldest FROM tailboard.leaves ORDER BY from_seq LIMIT 1;
    IF oldest IS NULL OR oldest.to_seq > low
       OR oldest.leaf = (SELECT value #>> '{}' FROM tailboard.settings WHERE key = 'capture_leaf') THEN
        RETURN NULL;
    END IF;
    SELECT max(t.tick_id) AS tick_id, max(t.at) AS at, max(t.first_position + t.n - 1) AS "position" INTO last
      FROM tailboard.ticks t WHERE t.seqs && int8range(NULL, oldest.to_seq);
    IF last.tick_id = newest_tick OR last.at > clock_timestamp() - age OR last."position" > checkpoint THEN
        RETURN NULL;
    END IF;
    -- Those ticks may name changes in later leaves too: without their tick these would look as if nobody had sealed them.
    DELETE FROM tailboard.changes c
     USING tailboard.ticks t
     WHERE t.tick_id <= last.tick_id AND upper(t.seqs) > oldest.to_seq
       AND c.xid = ANY (t.xids) AND c.seq >= oldest.to_seq AND c.seq < upper(t.seqs) AND c.seq <@ t.seqs;
    DELETE FROM tailboard.ticks t WHERE t.tick_id <= last.tick_id;
    EXECUTE format('DROP TABLE tailboard.%I', oldest.leaf);
    DELETE FROM tailboard.leaves WHERE leaf = oldest.leaf;
    DELETE FROM tailboard.changes_overflow WHERE seq < oldest.to_seq;
    RETURN oldest.leaf;
END $$;
