-- A long phase is cut in the log, as a long error is, and very many tags stay out of it, as phases do: what a worker writes must
-- not decide how much of it each change logs anew, and what every reader holds.

CREATE OR REPLACE FUNCTION tailboard.job_card(j tailboard.jobs) RETURNS jsonb
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
    IF octet_length(j.phase) > 16384 THEN
        omitted := omitted || 'phase'::text;
        j.phase := left(j.phase, 16384);
    END IF;
    IF pg_column_size(j.tags) > 16384 THEN
        omitted := omitted || 'tags'::text;
        j.tags := '{}';
    END IF;
    RETURN CASE WHEN omitted IS NULL THEN to_jsonb(j) ELSE to_jsonb(j) || jsonb_build_object('omitted', omitted) END;
END $$;

CREATE OR REPLACE FUNCTION tailboard.is_large(j tailboard.jobs) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(greatest(pg_column_size(j.payload), pg_column_size(j.result),
                             greatest(pg_column_size(j.phases), octet_length(j.error), octet_length(j.phase),
                                      pg_column_size(j.tags)) - 14336) > 2048, false)
$$;

CREATE OR REPLACE FUNCTION tailboard.log_job_update(was tailboard.jobs, was_version tid, made_by xid, is_now tailboard.jobs, version tid)
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
            was.queue, was.kind, was.worker, CASE WHEN pg_column_size(was.tags) > 16384 THEN '{}' ELSE was.tags END,
            CASE WHEN is_large THEN tailboard.job_card(is_now) END, CASE WHEN NOT is_large THEN is_now END);
    PERFORM tailboard.put_back(later);
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
END $$;

CREATE OR REPLACE FUNCTION tailboard.write_capture(leaf name, to_seq bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $write$
DECLARE
    is_large constant text :=
        'greatest(pg_catalog.pg_column_size(NEW.payload), pg_catalog.pg_column_size(NEW.result),
                   greatest(pg_catalog.pg_column_size(NEW.phases), pg_catalog.octet_length(NEW.error),
                            pg_catalog.octet_length(NEW.phase), pg_catalog.pg_column_size(NEW.tags)) OPERATOR(pg_catalog.-) 14336)
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

-- Written anew for the leaf that writers are in.
DELETE FROM tailboard.settings WHERE key = 'capture_leaf';
SELECT tailboard.make_leaves(0);
