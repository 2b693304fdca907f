-- The capture of the built-in source: what its triggers write into the log.

-- The card of a built-in job: the row as JSON, without payload, result and phases where they are large, and with the beginning
-- of a long error.
CREATE FUNCTION tailboard.job_card(j tailboard.jobs) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET extra_float_digits = 1 AS $$
DECLARE
    omitted text[];
BEGIN
    IF pg_column_size(j.payload) > 2048 THEN
        omitted := omitted || 'payload'::text;
        j.payload := NULL;
    END IF;
    IF pg_column_size(j.result) > 2048 THEN
        omitted := omitted || 'result'::text;
        j.result := NULL;
    END IF;
    IF pg_column_size(j.phases) > 16384 THEN
        omitted := omitted || 'phases'::text;
        j.phases := '[]';
    END IF;
    IF octet_length(j.error) > 16384 THEN
        omitted := omitted || 'error'::text;
        j.error := left(j.error, 16384);
    END IF;
    RETURN CASE WHEN omitted IS NULL THEN to_jsonb(j) ELSE to_jsonb(j) || jsonb_build_object('omitted', omitted) END;
END $$;
COMMENT ON FUNCTION tailboard.job_card IS 'The canonical job: the row as JSON; what is too large is left out or, of an error, cut, and named in omitted';

CREATE FUNCTION tailboard.is_large(j tailboard.jobs) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(greatest(pg_column_size(j.payload), pg_column_size(j.result),
                             greatest(pg_column_size(j.phases), octet_length(j.error)) - 14336) > 2048, false)
$$;

-- The log keeps a small job as a row and makes JSON of it when it is read: to write JSON in every UPDATE would be the
-- largest part of what capture costs a worker. Jobs with large values are logged as a card.
ALTER TABLE tailboard.changes ADD COLUMN record tailboard.jobs;
COMMENT ON COLUMN tailboard.changes.record IS 'The job as a row, where it is small; job is NULL then. An id that is not a number is in job_id alone';

-- Both without a SET clause, so that they are part of the query that calls them.
CREATE FUNCTION tailboard.card(c tailboard.changes) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN c.job IS NOT NULL THEN c.job
        WHEN (c.record).id IS NOT NULL AND c.due IS NULL THEN pg_catalog.to_jsonb(c.record)
        ELSE pg_catalog.to_jsonb(c.record)
             OPERATOR(pg_catalog.||) CASE WHEN (c.record).id IS NULL THEN pg_catalog.jsonb_build_object('id', c.job_id) ELSE '{}' END
             OPERATOR(pg_catalog.||) CASE WHEN c.due IS NOT NULL THEN pg_catalog.jsonb_build_object('due', c.due) ELSE '{}' END
    END
$$;
COMMENT ON FUNCTION tailboard.card IS 'The canonical job after a change; for D the job before it';

CREATE FUNCTION tailboard.card_text(c tailboard.changes) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN (c.record).id IS NOT NULL AND c.due IS NULL THEN pg_catalog.row_to_json(c.record)::pg_catalog.text
                ELSE tailboard.card(c)::pg_catalog.text END
$$;
COMMENT ON FUNCTION tailboard.card_text IS 'The same as text, which is quicker to make';

-- What the two functions below leave to these: nothing to log, large values, an armed bell, a leaf that is full, a change within
-- triggers or after such. `version` is where a row is, and `made_by` who made it.
CREATE FUNCTION tailboard.log_job_update(was tailboard.jobs, was_version tid, made_by xid, is_now tailboard.jobs, version tid)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_large constant boolean := tailboard.is_large(is_now);
    later tailboard.changes[] := '{}';
BEGIN
    IF pg_trigger_depth() > 1 THEN
        PERFORM tailboard.note_overtaking('jobs', was.id::text, 'tailboard.jobs'::regclass, was_version, made_by);
    END IF;
    IF is_now *= was THEN
        RETURN;
    END IF;
    IF length(current_setting('tailboard.depth', true)) > pg_trigger_depth() THEN
        later := tailboard.take_later('jobs', is_now.id::text, 'tailboard.jobs'::regclass, version);
    END IF;
    INSERT INTO tailboard.changes (seq, op, source, job_id, old_status, new_status,
                                   old_queue, old_kind, old_worker, old_tags, job, record)
    VALUES (nextval('tailboard.changes_seq'), 'U', 'jobs', is_now.id::text, was.status, is_now.status,
            was.queue, was.kind, was.worker, was.tags,
            CASE WHEN is_large THEN tailboard.job_card(is_now) END, CASE WHEN NOT is_large THEN is_now END);
    PERFORM tailboard.put_back(later);
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
END $$;

CREATE FUNCTION tailboard.log_job_insert(is_now tailboard.jobs, version tid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone tailboard.changes;
    card jsonb;
    is_large constant boolean := tailboard.is_large(is_now);
    later tailboard.changes[] := '{}';
BEGIN
    PERFORM tailboard.note_depth();
    IF length(current_setting('tailboard.depth', true)) > pg_trigger_depth() THEN
        later := tailboard.take_later('jobs', is_now.id::text, 'tailboard.jobs'::regclass, version);
    END IF;
    -- DELETE and INSERT of one id in one transaction are one update. The flag is transaction-local and rolls back
    -- with a savepoint, so that only a transaction that did delete looks for what it deleted.
    IF current_setting('tailboard.deleted', true) = pg_current_xact_id()::text THEN
        DELETE FROM tailboard.changes c
         WHERE c.xid = pg_current_xact_id() AND c.source = 'jobs' AND c.job_id = is_now.id::text AND c.op = 'D'
        RETURNING c.* INTO gone;
        card := tailboard.card(gone);
    END IF;
    INSERT INTO tailboard.changes (seq, op, source, job_id, old_status, new_status,
                                   old_queue, old_kind, old_worker, old_tags, job, record)
    VALUES (nextval('tailboard.changes_seq'), CASE WHEN card IS NULL THEN 'I' ELSE 'U' END, 'jobs', is_now.id::text,
            gone.old_status, is_now.status, card ->> 'queue', card ->> 'kind', card ->> 'worker',
            CASE WHEN card IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(card -> 'tags')) END,
            CASE WHEN is_large THEN tailboard.job_card(is_now) END, CASE WHEN NOT is_large THEN is_now END);
    PERFORM tailboard.put_back(later);
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
END $$;

-- Writes the capture functions of the built-in source so that they insert straight into one leaf of the log: routing
-- through the partitioned parent costs a writer a tenth of its speed. Called whenever the current leaf changes.
--
-- Their shape is measured. PostgreSQL prepares every expression of a PL/pgSQL function anew in every transaction, and
-- parses every WHEN clause and CHECK constraint anew in every statement; the number of statements and expressions in
-- the path of one UPDATE is what it costs. So: one function for each kind of statement, no WHEN, one condition and one
-- INSERT in the usual case, the row stored as it is, former values stored and compared by readers. They also do
-- without a SET clause, which would change a setting twice in every call: instead everything in them is qualified,
-- operators too, so that no search_path of a caller can reach into what runs with our rights.
CREATE FUNCTION tailboard.write_capture(leaf name, to_seq bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $write$
DECLARE
    is_large constant text :=
        'greatest(pg_catalog.pg_column_size(NEW.payload), pg_catalog.pg_column_size(NEW.result),
                   greatest(pg_catalog.pg_column_size(NEW.phases), pg_catalog.octet_length(NEW.error)) OPERATOR(pg_catalog.-) 14336)
          OPERATOR(pg_catalog.>) 2048';
BEGIN
    EXECUTE format($create$
CREATE OR REPLACE FUNCTION tailboard.capture_job_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $capture$
BEGIN
    IF NEW OPERATOR(pg_catalog.*=) OLD
       OR %3$s
       OR pg_catalog.pg_sequence_last_value('tailboard.bell') OPERATOR(pg_catalog.=) 1
       OR pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1
       OR pg_catalog.current_setting('tailboard.depth', true) OPERATOR(pg_catalog.<>) ''
       OR pg_catalog.nextval('tailboard.changes_seq') OPERATOR(pg_catalog.>=) %2$s THEN
        PERFORM tailboard.log_job_update(OLD, OLD.ctid, OLD.xmin, NEW, NEW.ctid);
        RETURN NULL;
    END IF;
    INSERT INTO tailboard.%1$I (seq, op, source, job_id, old_status, new_status,
                                old_queue, old_kind, old_worker, old_tags, record)
    VALUES (pg_catalog.currval('tailboard.changes_seq'), 'U', 'jobs', NEW.id::pg_catalog.text, OLD.status, NEW.status,
            OLD.queue, OLD.kind, OLD.worker, OLD.tags, NEW);
    RETURN NULL;
END $capture$;

CREATE OR REPLACE FUNCTION tailboard.capture_job_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $capture$
BEGIN
    IF pg_catalog.current_setting('tailboard.deleted', true)
          OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.text
       OR %3$s
       OR pg_catalog.pg_sequence_last_value('tailboard.bell') OPERATOR(pg_catalog.=) 1
       OR pg_catalog.current_setting('tailboard.depth', true) OPERATOR(pg_catalog.<>) ''
       OR pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 AND tailboard.note_depth()
       OR pg_catalog.nextval('tailboard.changes_seq') OPERATOR(pg_catalog.>=) %2$s THEN
        PERFORM tailboard.log_job_insert(NEW, NEW.ctid);
        RETURN NULL;
    END IF;
    INSERT INTO tailboard.%1$I (seq, op, source, job_id, new_status, record)
    VALUES (pg_catalog.currval('tailboard.changes_seq'), 'I', 'jobs', NEW.id::pg_catalog.text, NEW.status, NEW);
    RETURN NULL;
END $capture$
$create$, leaf, to_seq, is_large);
END $write$;

CREATE FUNCTION tailboard.capture_job_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    later tailboard.changes[] := '{}';
BEGIN
    IF length(current_setting('tailboard.depth', true)) > pg_trigger_depth() THEN
        later := tailboard.take_replacement('jobs', OLD.id::text, tailboard.job_card(OLD), OLD.xmin,
                                            EXISTS (SELECT FROM tailboard.jobs j WHERE j.id = OLD.id));
    END IF;
    IF pg_trigger_depth() > 1 THEN
        PERFORM tailboard.note_overtaking('jobs', OLD.id::text, TG_RELID, OLD.ctid, OLD.xmin);
    END IF;
    IF cardinality(later) > 0 THEN
        PERFORM tailboard.put_back(later);
    ELSE
        INSERT INTO tailboard.changes (seq, op, source, job_id, old_status, job)
        VALUES (nextval('tailboard.changes_seq'), 'D', 'jobs', OLD.id::text, OLD.status, tailboard.job_card(OLD));
        PERFORM set_config('tailboard.deleted', pg_current_xact_id()::text, true);
    END IF;
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
    RETURN NULL;
END $$;

SELECT tailboard.make_leaves();

CREATE TRIGGER tailboard_capture_update AFTER UPDATE ON tailboard.jobs
    FOR EACH ROW EXECUTE FUNCTION tailboard.capture_job_update();
CREATE TRIGGER tailboard_capture_insert AFTER INSERT ON tailboard.jobs
    FOR EACH ROW EXECUTE FUNCTION tailboard.capture_job_insert();
CREATE TRIGGER tailboard_capture_delete AFTER DELETE ON tailboard.jobs
    FOR EACH ROW EXECUTE FUNCTION tailboard.capture_job_delete();

-- A job is its id: an UPDATE of it would be a deletion and a creation that no reader could tell apart.
CREATE FUNCTION tailboard.keep_job_id() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'the id of a job cannot change (% to %)', OLD.id, NEW.id
            USING ERRCODE = 'restrict_violation', HINT = 'Insert a new job and delete the old one.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tailboard_keep_id BEFORE UPDATE OF id ON tailboard.jobs
    FOR EACH ROW EXECUTE FUNCTION tailboard.keep_job_id();

CREATE FUNCTION tailboard.capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tailboard.changes (seq, op, source) VALUES (nextval('tailboard.changes_seq'), 'T', TG_ARGV[0]);
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tailboard_truncate AFTER TRUNCATE ON tailboard.jobs
    FOR EACH STATEMENT EXECUTE FUNCTION tailboard.capture_truncate('jobs');
-- Triggers fire for every role, also where session_replication_role is 'replica': a restore by logical
-- replication is a change like any other.
ALTER TABLE tailboard.jobs
    ENABLE ALWAYS TRIGGER tailboard_capture_update,
    ENABLE ALWAYS TRIGGER tailboard_capture_insert,
    ENABLE ALWAYS TRIGGER tailboard_capture_delete,
    ENABLE ALWAYS TRIGGER tailboard_truncate;
