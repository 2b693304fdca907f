-- How a change that is captured late finds its place in the log.
--
-- Another AFTER trigger may write to a row whose change the capture has not seen yet: it retries what failed, or archives and
-- deletes what completed. Its statement ends first, so the later change is captured first. So a change within triggers notes
-- which version of the row it came after, where that is of this very transaction, and `tailboard.depth` is as long as there were
-- triggers around one that did: a capture with fewer around it may be late, and looks for the note.
CREATE UNLOGGED TABLE tailboard.overtakings (
    job_id   text COLLATE "C" NOT NULL,
    source   text COLLATE "C" NOT NULL,
    relation oid    NOT NULL,
    version  tid    NOT NULL,
    seq      bigint NOT NULL,
    xid      xid8   NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
);
COMMENT ON TABLE tailboard.overtakings IS 'Which version of a row the changes of a job above seq came after; of no use once its transaction has ended';
CREATE INDEX overtakings_job ON tailboard.overtakings (job_id, source);

-- Made by this transaction, or by a part of it: ids go round at 2^32, and who made a row after this transaction began counts too.
CREATE FUNCTION tailboard.is_mine(made_by xid) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT made_by::pg_catalog.text::pg_catalog.int8 OPERATOR(pg_catalog.-) pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8
           OPERATOR(pg_catalog.&) 4294967295 OPERATOR(pg_catalog.<) 2147483648
$$;

CREATE FUNCTION tailboard.note_overtaking(source text, job_id text, relation oid, version tid, made_by xid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tailboard.is_mine(made_by) THEN
        INSERT INTO tailboard.overtakings VALUES (job_id, source, relation, version, nextval('tailboard.changes_seq'));
        PERFORM tailboard.note_depth();
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION tailboard.note_overtaking IS 'False, to be put into a condition';

CREATE FUNCTION tailboard.note_depth() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_trigger_depth() > greatest(1, length(current_setting('tailboard.depth', true))) THEN
        PERFORM set_config('tailboard.depth', repeat('+', pg_trigger_depth()), true);
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION tailboard.note_depth IS 'False, to be put into a condition';

-- Takes out of the log what this transaction did to a job after `above`, for put_back() to log after something else.
CREATE FUNCTION tailboard.take_above(of_source text, of_job text, above bigint) RETURNS tailboard.changes[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken tailboard.changes[];
BEGIN
    IF above IS NULL THEN
        RETURN '{}';
    END IF;
    -- IS TRUE: by the job's index. By the transaction's, a large one would be read for each of its rows.
    WITH gone AS (
        DELETE FROM tailboard.changes c
         WHERE c.job_id = of_job AND c.source = of_source AND c.seq > above AND (c.xid = pg_current_xact_id()) IS TRUE
        RETURNING c AS change)
    SELECT array_agg(gone.change ORDER BY (gone.change).seq) INTO taken FROM gone;
    RETURN coalesce(taken, '{}');
END $$;

-- What came after a version of a row, where something did.
CREATE FUNCTION tailboard.take_later(of_source text, of_job text, of_relation oid, of_version tid) RETURNS tailboard.changes[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    above bigint;
BEGIN
    DELETE FROM tailboard.overtakings o
     WHERE o.job_id = of_job AND o.source = of_source AND o.relation = of_relation AND o.version = of_version
       AND o.xid = pg_current_xact_id()
    RETURNING o.seq INTO above;
    RETURN tailboard.take_above(of_source, of_job, above);
END $$;

-- What came after a row was deleted that another one had the place of: from an INSERT that follows no DELETE. Both are one
-- update. `is_there`: there is such a row still. The first change of the transaction may be the INSERT of this very row.
CREATE FUNCTION tailboard.take_replacement(of_source text, of_job text, was jsonb, made_by xid, is_there boolean)
RETURNS tailboard.changes[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    inserted bigint;
    later tailboard.changes[];
    change tailboard.changes;
BEGIN
    SELECT max(mine.seq) INTO inserted
      FROM (SELECT c.seq, c.op, lag(c.op) OVER w AS before, last_value(c.op) OVER w AS last FROM tailboard.changes c
             WHERE c.job_id = of_job AND c.source = of_source AND (c.xid = pg_current_xact_id()) IS TRUE
            WINDOW w AS (ORDER BY c.seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) mine
     WHERE mine.op = 'I'
       AND CASE WHEN mine.before IS NULL THEN is_there OR mine.last = 'D' OR NOT tailboard.is_mine(made_by) ELSE mine.before <> 'D' END;
    later := tailboard.take_above(of_source, of_job, inserted - 1);
    IF cardinality(later) = 0 THEN
        RETURN later;
    END IF;
    change := later[1];
    change.op := 'U';
    change.old_status := was ->> 'status';
    change.old_queue := was ->> 'queue';
    change.old_kind := was ->> 'kind';
    change.old_worker := was ->> 'worker';
    change.old_tags := ARRAY(SELECT jsonb_array_elements_text(was -> 'tags'));
    change.old_due := was ->> 'due';
    RETURN change || later[2:];
END $$;

CREATE FUNCTION tailboard.put_back(later tailboard.changes[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change tailboard.changes;
    former bigint;
BEGIN
    FOREACH change IN ARRAY later LOOP
        UPDATE tailboard.overtakings o SET seq = nextval('tailboard.changes_seq')
         WHERE o.job_id = change.job_id AND o.source = change.source AND o.xid = pg_current_xact_id()
           AND o.seq > former AND o.seq < change.seq;
        former := change.seq;
        change.seq := nextval('tailboard.changes_seq');
        INSERT INTO tailboard.changes SELECT (change).*;
    END LOOP;
END $$;
