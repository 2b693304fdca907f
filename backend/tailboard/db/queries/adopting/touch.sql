-- The body of the trigger function on the tables that a source follows: looks again at the jobs that a row names.
-- The trigger's argument is the number of the table. It runs when the transaction commits.
#variable_conflict use_column
DECLARE
    tb_id text; tb_old_id text;
    tb_dynamic text := (ARRAY[{dynamic}])[TG_ARGV[0]::integer];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        EXECUTE tb_dynamic INTO tb_id USING NEW;
        PERFORM {follow}(tb_id, false, NULL, true);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        EXECUTE tb_dynamic INTO tb_old_id USING OLD;
        IF tb_old_id IS DISTINCT FROM tb_id THEN
            PERFORM {follow}(tb_old_id, false, NULL, true);
        END IF;
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM tailboard.capture_fault({source}, SQLSTATE, SQLERRM, TG_OP, coalesce(tb_id, tb_old_id));
    RETURN NULL;
END
