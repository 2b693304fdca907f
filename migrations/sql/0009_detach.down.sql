-- The function before this one knows triggers by their names: give them these again.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS trigger, named.trigger AS original
          FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
         CROSS JOIN LATERAL (SELECT CASE WHEN p.proname = 'capture_emptied' THEN 'tailboard_emptied'
                                         WHEN starts_with(p.proname, 'touch_') THEN 'tailboard_follow'
                                         WHEN starts_with(p.proname, 'watch_') THEN 'tailboard_watch' END AS trigger) named
         WHERE t.tgparentid = 0 AND NOT t.tgisinternal AND p.pronamespace = 'tailboard'::regnamespace
           AND t.tgname NOT LIKE 'tailboard\_%' AND named.trigger IS NOT NULL
    LOOP
        EXECUTE format('ALTER TRIGGER %I ON %s RENAME TO %I', found.trigger, found.relation, found.original);
    END LOOP;
END $$;

-- Takes a source off the board and every trace of it off its tables. Waits for their writers.
CREATE OR REPLACE FUNCTION tailboard.detach(source text) RETURNS void
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
