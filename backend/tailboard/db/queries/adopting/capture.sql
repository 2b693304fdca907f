-- The body of an adopted source's trigger function. Whatever goes wrong in it, the owner's statement succeeds.
--
-- Expressions are written over the fields of NEW and OLD, without a SELECT: such a one PL/pgSQL evaluates by itself,
-- while a SELECT is set up anew for every row, at a price that grows with its text, and so is an INSERT: what is logged is
-- put together before it. Each transaction pays anew for all that is in an expression, whether it is reached or not: what
-- is rarely needed, a function of ours above all, is in an IF of its own. The leaf and its end are filled in by tailboard.write_captures().
#variable_conflict use_column
DECLARE
    tb_new ALIAS FOR new;
    tb_old ALIAS FOR old;
    tb_id text; tb_status text; tb_due timestamptz; tb_card jsonb;
    tb_old_id text; tb_old_status text; tb_old_due timestamptz; tb_old_card jsonb;
    tb_heavy boolean; tb_is_there boolean; tb_record tailboard.jobs; {looked_up}
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF pg_trigger_depth() > 1 THEN
            IF tailboard.is_mine(tb_old.xmin) THEN
                PERFORM tailboard.note_overtaking({source}, {old_id}, TG_RELID, tb_old.ctid, tb_old.xmin);
            END IF;
        END IF;
        -- A heartbeat: no column that the expressions look at has another value. To ask that of all of them costs more
        -- than to ask first whether the status is another one.
        IF record_image_eq({new_state}, {old_state}) THEN
            IF record_image_eq({new_image}, {old_image}) THEN
                RETURN NULL;
            END IF;
        END IF;
        tb_id := {new_id};
        {new_status}
        {old_status}
        IF tb_status = tb_old_status THEN
            tb_heavy := {old_heavy};
            IF (tb_heavy OR {heavy}) IS NOT TRUE AND tb_id = {old_id} AND tb_due IS NOT DISTINCT FROM tb_old_due
               AND record_image_eq({new_unlooked}, {old_unlooked}) THEN
                -- What is looked up is the same where it is looked up by the same; else both are.
                IF record_image_eq({new_looks}, {old_looks}) THEN
                    RETURN NULL;
                END IF;
                IF record_image_eq({new_finds}, {old_finds}) THEN
                    RETURN NULL;
                END IF;
            END IF;
        END IF;
        IF {heavy} OR tb_heavy OR tb_id IS NULL OR tb_id <> {old_id}
           OR length(current_setting('tailboard.depth', true)) > pg_trigger_depth()
           OR nextval('tailboard.changes_seq') >= @to_seq@ THEN
            tb_old_id := {old_id};
            {new_card}
            {old_card}
            IF tb_id <> tb_old_id THEN
                PERFORM tailboard.log_change({source}, 'D', tb_old_id, NULL, tb_old_status, NULL, NULL, tb_old_due, NULL, tb_old_card);
                PERFORM tailboard.log_change({source}, 'I', NULL, tb_id, NULL, tb_status, tb_due, NULL, tb_card, NULL, relation => TG_RELID, version => tb_new.ctid);
            ELSE
                PERFORM tailboard.log_change({source}, 'U', tb_id, tb_id, tb_old_status, tb_status, tb_due, tb_old_due, tb_card, tb_old_card, relation => TG_RELID, version => tb_new.ctid);
            END IF;
            RETURN NULL;
        END IF;
        {look_up}
        tb_record := {logged};
        INSERT INTO tailboard.@leaf@ (seq, op, source, job_id, old_status, new_status,
                                      old_queue, old_kind, old_worker, old_tags, record, due, old_due)
        VALUES (currval('tailboard.changes_seq'), 'U', {source}, tb_id, tb_old_status, tb_status,
                {facts}, tb_record, tb_due, tb_old_due);
    ELSIF TG_OP = 'INSERT' THEN
        tb_id := {new_id};
        {new_status}
        -- DELETE and INSERT of one id in one transaction are one update; only a transaction that deleted looks.
        IF {heavy} OR current_setting('tailboard.deleted', true) <> ''
           OR tb_id IS NULL OR length(current_setting('tailboard.depth', true)) > pg_trigger_depth()
           OR pg_trigger_depth() > 1 AND tailboard.note_depth()
           OR nextval('tailboard.changes_seq') >= @to_seq@ THEN
            {new_card}
            PERFORM tailboard.log_change({source}, 'I', NULL, tb_id, NULL, tb_status, tb_due, NULL, tb_card, NULL, relation => TG_RELID, version => tb_new.ctid);
            RETURN NULL;
        END IF;
        {look_up}
        tb_record := {logged};
        INSERT INTO tailboard.@leaf@ (seq, op, source, job_id, new_status, record, due)
        VALUES (currval('tailboard.changes_seq'), 'I', {source}, tb_id, tb_status, tb_record, tb_due);
    ELSE
        tb_old_id := {old_id};
        {old_status}
        {old_card}
        IF pg_trigger_depth() > 1 THEN
            PERFORM tailboard.note_overtaking({source}, tb_old_id, TG_RELID, tb_old.ctid, tb_old.xmin);
        END IF;
        tb_status := {meaning};
        tb_is_there := {is_there};
        PERFORM tailboard.log_change({source}, 'D', tb_old_id, NULL, tb_old_status, tb_status, NULL, tb_old_due, NULL, tb_old_card, made_by => tb_old.xmin, is_there => tb_is_there);
        RETURN NULL;
    END IF;
    IF pg_sequence_last_value('tailboard.bell') = 1 THEN
        PERFORM pg_notify('tailboard_bell', '');
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    -- Once more with nothing that was prepared: the owner may have altered the table under this session. What fails
    -- again is a fault.
    DECLARE
        tb_state text := SQLSTATE;
        tb_message text := SQLERRM;
    BEGIN
        IF TG_OP <> 'DELETE' THEN
            EXECUTE {new_dynamic} INTO tb_id, tb_status, tb_due, tb_card USING NEW;
        END IF;
        IF TG_OP <> 'INSERT' THEN
            EXECUTE {old_dynamic} INTO tb_old_id, tb_old_status, tb_old_due, tb_old_card USING OLD;
            IF pg_trigger_depth() > 1 THEN
                PERFORM tailboard.note_overtaking({source}, tb_old_id, TG_RELID, tb_old.ctid, tb_old.xmin);
            END IF;
        END IF;
        IF TG_OP = 'DELETE' THEN
            tb_id := NULL;
            EXECUTE {meaning_dynamic} INTO tb_status USING OLD;
            tb_is_there := {is_there};
            PERFORM tailboard.log_change({source}, 'D', tb_old_id, NULL, tb_old_status, tb_status, NULL, tb_old_due, NULL, tb_old_card, made_by => tb_old.xmin, is_there => tb_is_there);
        ELSIF TG_OP = 'INSERT' THEN
            PERFORM tailboard.log_change({source}, 'I', NULL, tb_id, NULL, tb_status, tb_due, NULL, tb_card, NULL, relation => TG_RELID, version => tb_new.ctid);
        ELSIF tb_id IS DISTINCT FROM tb_old_id THEN
            PERFORM tailboard.log_change({source}, 'D', tb_old_id, NULL, tb_old_status, NULL, NULL, tb_old_due, NULL, tb_old_card);
            PERFORM tailboard.log_change({source}, 'I', NULL, tb_id, NULL, tb_status, tb_due, NULL, tb_card, NULL, relation => TG_RELID, version => tb_new.ctid);
        ELSIF tb_card IS DISTINCT FROM tb_old_card THEN
            PERFORM tailboard.log_change({source}, 'U', tb_id, tb_id, tb_old_status, tb_status, tb_due, tb_old_due, tb_card, tb_old_card, relation => TG_RELID, version => tb_new.ctid);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        PERFORM tailboard.capture_fault({source}, SQLSTATE, SQLERRM, TG_OP, coalesce(tb_id, tb_old_id));
    END;
    RETURN NULL;
END
