-- Adopted sources: what is attached, what their captures have in common, and where their faults are counted.

ALTER TABLE tailboard.sources
    ADD COLUMN relation oid UNIQUE,
    ADD COLUMN columns  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN capture  text,
    ADD COLUMN synced   boolean NOT NULL DEFAULT false;
UPDATE tailboard.sources SET synced = true WHERE builtin;
COMMENT ON COLUMN tailboard.sources.relation IS 'The owner''s table; another one of the same name is not it';
COMMENT ON COLUMN tailboard.sources.columns IS 'The columns that the expressions look at, with their types, when the capture was written';
COMMENT ON COLUMN tailboard.sources.capture IS 'The statement that writes the capture, with @leaf@ and @to_seq@ left open';
COMMENT ON COLUMN tailboard.sources.synced IS 'Whether the counts of its rows have been brought into the log since anything may have been missed';

-- Where the row before an UPDATE does not tell what a job was: its state is in other tables, or nowhere.
CREATE TABLE tailboard.remembered (
    source text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    status text NOT NULL,
    due    timestamptz,
    job    jsonb NOT NULL,
    PRIMARY KEY (source, job_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE tailboard.remembered IS 'Jobs as the log last told of them, for sources whose rows do not say what they were';

-- The texts of some faults; how many there were, the sequence tailboard.faults_NAME counts: it survives a rollback.
CREATE TABLE tailboard.faults (
    source   text COLLATE "C" NOT NULL,
    n        bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    sqlstate text NOT NULL,
    message  text NOT NULL,
    op       text,
    job_id   text
);
CREATE INDEX faults_source ON tailboard.faults (source, n);
ALTER TABLE tailboard.faults REPLICA IDENTITY FULL; -- as the log
COMMENT ON TABLE tailboard.faults IS 'What went wrong in the capture of adopted sources: the first twenty and every thousandth';

-- What the leader has seen of adopted sources: what their counts hold, and what is wrong with them.

CREATE TABLE tailboard.upkeep (
    source     text COLLATE "C" PRIMARY KEY,
    baseline   bigint NOT NULL DEFAULT 0,
    counted_at timestamptz,
    faults     bigint NOT NULL DEFAULT 0,
    shape      text,
    wanted     text,
    failure    text,
    trouble    text,
    trouble_at timestamptz
);
COMMENT ON TABLE tailboard.upkeep IS 'One row for each adopted source, kept by the leader; every node shows it';
COMMENT ON COLUMN tailboard.upkeep.baseline IS 'The seq of the change that brought its newest counts';
COMMENT ON COLUMN tailboard.upkeep.faults IS 'How many faults of its capture these counts make good';
COMMENT ON COLUMN tailboard.upkeep.shape IS 'The files of the table and its partitions when it was counted';
COMMENT ON COLUMN tailboard.upkeep.wanted IS 'Why it is to be counted again; NULL while the counts are good';
COMMENT ON COLUMN tailboard.upkeep.failure IS 'Why the last attempt to count it failed';
COMMENT ON COLUMN tailboard.upkeep.trouble IS 'What keeps it from being watched, and what to do';

-- Counts a fault of a source's capture. Never fails, so that the owner's statement does not either.
CREATE FUNCTION tailboard.capture_fault(source text, state text, message text, op text DEFAULT NULL, job_id text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint := nextval(format('tailboard.%I', 'faults_' || source));
BEGIN
    IF n <= 20 OR n % 1000 = 0 THEN
        RAISE WARNING 'Tailboard could not record a change of %: %', source, message
            USING HINT = 'Your statement is not affected. See "tailboard sources".';
        INSERT INTO tailboard.faults VALUES (source, n, DEFAULT, state, left(message, 500), op, left(job_id, 200));
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'Tailboard could not count a fault of %: %', source, SQLERRM;
END $$;

-- What a job is taken for whose status nothing maps: on the board, and not at work.
CREATE FUNCTION tailboard.stray_status(source text, value text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tailboard.capture_fault(source, '22023', format('nothing maps the status %s', coalesce(quote_literal(left(value, 60)), 'NULL')));
    RETURN 'paused';
END $$;

-- The jsonb of a json, and where there is none its text: json may hold what jsonb cannot, such as \u0000 or half of a pair of
-- surrogates. One such row must not keep a table from being read. Qualified, so that it does without a SET clause.
CREATE FUNCTION tailboard.as_jsonb(value json) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN value::pg_catalog.jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN pg_catalog.to_jsonb(value::pg_catalog.text);
END $$;

-- A card without its payload or result where they are known to be large, or turn out to be.
CREATE FUNCTION tailboard.lighten(card jsonb, payload_large boolean, result_large boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    omitted text[] := '{}';
BEGIN
    IF payload_large OR octet_length((card -> 'payload')::text) > 2048 THEN
        omitted := omitted || 'payload'::text;
    END IF;
    IF result_large OR octet_length((card -> 'result')::text) > 2048 THEN
        omitted := omitted || 'result'::text;
    END IF;
    IF omitted = '{}' THEN
        RETURN card;
    END IF;
    RETURN card || (SELECT jsonb_object_agg(o.name, NULL) FROM unnest(omitted) AS o(name)) || jsonb_build_object('omitted', omitted);
END $$;

-- Logs one change of an adopted source where its capture has no short way: what is rare is decided here.
CREATE FUNCTION tailboard.log_change(
    source text, op "char", old_id text, new_id text, old_status text, new_status text, due timestamptz, old_due timestamptz,
    card jsonb, old_card jsonb, queue text DEFAULT NULL, kind text DEFAULT NULL, worker text DEFAULT NULL, tags text[] DEFAULT NULL,
    relation oid DEFAULT NULL, version tid DEFAULT NULL, made_by xid DEFAULT NULL, is_there boolean DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    gone record;
    id text := coalesce(new_id, old_id);
    later tailboard.changes[] := '{}';
BEGIN
    IF id IS NULL THEN
        RAISE EXCEPTION 'the id of a row is NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF op = 'I' THEN
        PERFORM tailboard.note_depth();
    END IF;
    IF is_there IS NOT NULL THEN
        later := tailboard.take_replacement(source, id, old_card, made_by, is_there);
        IF cardinality(later) > 0 THEN
            PERFORM tailboard.put_back(later);
            RETURN;
        END IF;
    ELSIF version IS NOT NULL AND length(current_setting('tailboard.depth', true)) > pg_trigger_depth() THEN
        later := tailboard.take_later(source, id, relation, version);
    END IF;
    IF op = 'D' THEN
        PERFORM set_config('tailboard.deleted', pg_current_xact_id()::text, true);
        IF new_status NOT IN ('scheduled', 'pending', 'in_progress', 'paused', 'completed', 'failed', 'cancelled') THEN
            new_status := tailboard.stray_status(source, new_status);
        END IF;
        -- the job as it ended
        card := CASE WHEN new_status IS NULL THEN old_card ELSE old_card || jsonb_build_object('status', new_status) END;
    ELSIF op = 'I' AND current_setting('tailboard.deleted', true) = pg_current_xact_id()::text THEN
        DELETE FROM tailboard.changes c
         WHERE c.xid = pg_current_xact_id() AND c.source = log_change.source AND c.job_id = id AND c.op = 'D'
        RETURNING c.old_status, c.old_due, tailboard.card(c) AS job INTO gone;
        IF FOUND THEN
            op := 'U';
            old_status := gone.old_status;
            old_due := gone.old_due;
            old_card := gone.job || jsonb_build_object('status', gone.old_status);
        END IF;
    END IF;
    IF op = 'U' THEN
        IF card = old_card THEN
            PERFORM tailboard.put_back(later);
            RETURN;
        END IF;
        IF old_card IS NOT NULL THEN
            queue := old_card ->> 'queue';
            kind := old_card ->> 'kind';
            worker := old_card ->> 'worker';
            tags := ARRAY(SELECT jsonb_array_elements_text(old_card -> 'tags'));
        END IF;
    END IF;
    INSERT INTO tailboard.changes (seq, op, source, job_id, old_status, new_status, old_queue, old_kind, old_worker, old_tags,
                                   job, due, old_due)
    VALUES (nextval('tailboard.changes_seq'), op, source, id, old_status, new_status, queue, kind, worker, tags,
            card, due, old_due);
    PERFORM tailboard.put_back(later);
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
END $$;

-- The trigger function for TRUNCATE of a table that a source named by its argument looks at.
CREATE FUNCTION tailboard.capture_emptied() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tailboard.changes (seq, op, source) VALUES (nextval('tailboard.changes_seq'), 'T', TG_ARGV[0]);
    DELETE FROM tailboard.remembered r WHERE r.source = TG_ARGV[0];
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM tailboard.capture_fault(TG_ARGV[0], SQLSTATE, SQLERRM, TG_OP);
    RETURN NULL;
END $$;

-- Points every source's capture at the leaf that writers are in, or only that of the source named.
CREATE FUNCTION tailboard.write_captures(source text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    drawn bigint := coalesce(pg_sequence_last_value('tailboard.changes_seq'), 0);
    place record;
    statement text;
BEGIN
    SELECT CASE WHEN l.from_seq <= drawn + 1 THEN l.leaf ELSE 'changes_overflow' END AS leaf,
           CASE WHEN l.from_seq <= drawn + 1 THEN l.to_seq ELSE l.from_seq END AS to_seq
      INTO place FROM tailboard.leaves l WHERE l.to_seq > drawn + 1 ORDER BY l.from_seq LIMIT 1;
    FOR statement IN SELECT s.capture FROM tailboard.sources s
                      WHERE s.capture IS NOT NULL AND (write_captures.source IS NULL OR s.name = write_captures.source) LOOP
        EXECUTE replace(replace(statement, '@leaf@', quote_ident(coalesce(place.leaf, 'changes'))),
                        '@to_seq@', coalesce(place.to_seq, 0)::text);
    END LOOP;
END $$;

-- Drops the reading functions of a source, before they are made anew: their types may have changed.
CREATE FUNCTION tailboard.drop_reading(source text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN SELECT p.oid::regprocedure FROM pg_proc p
                     WHERE p.pronamespace = 'tailboard'::regnamespace AND p.proname = ('source_' || source)::name LOOP
        EXECUTE format('DROP FUNCTION %s', function);
    END LOOP;
END $$;

-- Keeps everybody else from making triggers of a source's functions, which would write to the log. But who adds a
-- partition to its table makes one too, and must not be kept from it.
CREATE FUNCTION tailboard.close_source(source text, partitioned boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT p.oid::regprocedure AS function, p.proname = ('watch_' || source)::name AS watches
                   FROM pg_proc p
                  WHERE p.pronamespace = 'tailboard'::regnamespace
                    AND p.proname IN ('watch_' || source, 'touch_' || source, 'follow_' || source,
                                      'poll_' || source, 'remember_' || source) LOOP
        IF found.watches AND partitioned THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', found.function);
        ELSE
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found.function);
        END IF;
    END LOOP;
END $$;

-- Takes a source off the board and every trace of it off its tables. Waits for their writers.
CREATE FUNCTION tailboard.detach(source text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    IF NOT EXISTS (SELECT FROM tailboard.sources s WHERE s.name = detach.source AND NOT s.builtin) THEN
        RAISE EXCEPTION 'no source % is attached', source USING ERRCODE = 'undefined_object';
    END IF;
    FOR found IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS trigger FROM pg_trigger t
         WHERE t.tgparentid = 0 AND NOT t.tgisinternal AND t.tgname LIKE 'tailboard\_%'
           AND (t.tgfoid IN (SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'tailboard'::regnamespace
                                AND p.proname IN ('watch_' || detach.source, 'touch_' || detach.source))
                OR t.tgfoid = 'tailboard.capture_emptied()'::regprocedure
                   AND t.tgargs = convert_to(detach.source, 'UTF8') || '\x00'::bytea)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.trigger, found.relation);
    END LOOP;
    FOR found IN
        SELECT p.oid::regprocedure AS function FROM pg_proc p
         WHERE p.pronamespace = 'tailboard'::regnamespace
           AND p.proname IN ('watch_' || source, 'touch_' || source, 'source_' || source, 'follow_' || source,
                             'poll_' || source, 'remember_' || source)
    LOOP
        EXECUTE format('DROP FUNCTION %s', found.function);
    END LOOP;
    EXECUTE format('DROP SEQUENCE IF EXISTS tailboard.%I', 'faults_' || source);
    DELETE FROM tailboard.remembered r WHERE r.source = detach.source;
    DELETE FROM tailboard.faults f WHERE f.source = detach.source;
    DELETE FROM tailboard.upkeep u WHERE u.source = detach.source;
    DELETE FROM tailboard.sources s WHERE s.name = detach.source;
    -- Its jobs are not counted any more. Nobody writes to its table just now, so this is its last change.
    INSERT INTO tailboard.changes (seq, op, source) VALUES (nextval('tailboard.changes_seq'), 'T', source);
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
END $$;
COMMENT ON FUNCTION tailboard.detach IS 'Takes a source off the board and every trace of it off its tables; its history stays in the log';
