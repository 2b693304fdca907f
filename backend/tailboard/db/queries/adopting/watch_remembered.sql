-- The body of the trigger function of a source that remembers. It runs when the transaction commits, for then all the
-- tables that decide a job's state say the same. Whatever goes wrong in it, the owner's statement succeeds.
#variable_conflict use_column
DECLARE
    tb_id text; tb_old_id text; tb_meaning text;
BEGIN
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF pg_catalog.record_image_eq({new_image}, {old_image}) THEN
                RETURN NULL;
            END IF;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            SELECT {id}::text INTO tb_id FROM {new};
        END IF;
        IF TG_OP <> 'INSERT' THEN
            SELECT {id}::text, {meaning} INTO tb_old_id, tb_meaning FROM {old};
        END IF;
    EXCEPTION WHEN OTHERS THEN -- the owner may have altered the table under this session
        IF TG_OP <> 'DELETE' THEN
            EXECUTE {id_dynamic} INTO tb_id, tb_meaning USING NEW;
        END IF;
        IF TG_OP <> 'INSERT' THEN
            EXECUTE {id_dynamic} INTO tb_old_id, tb_meaning USING OLD;
        END IF;
    END;
    IF tb_old_id <> tb_id OR tb_id IS NULL THEN
        -- Another id is a deletion that means nothing.
        PERFORM {follow}(tb_old_id, true, CASE WHEN TG_OP = 'DELETE' THEN tb_meaning END, true);
    END IF;
    IF tb_id IS NOT NULL THEN
        PERFORM {follow}(tb_id, false, NULL, true);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM tailboard.capture_fault({source}, SQLSTATE, SQLERRM, TG_OP, coalesce(tb_id, tb_old_id));
    RETURN NULL;
END
