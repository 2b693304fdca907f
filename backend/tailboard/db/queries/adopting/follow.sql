-- The body of tailboard.follow_NAME(tb_key, tb_gone, tb_meaning, tb_wait): looks at one job as it is now, in all tables that
-- decide its state, and logs what differs from what the log told last. Returns whether anything did. `tb_gone` says that
-- the row was deleted; without it a job whose row is not there is left to the trigger that saw the row go.
#variable_conflict use_column
DECLARE
    tb_old record; tb_known boolean;
    tb_id text; tb_status text; tb_due timestamptz; tb_card jsonb;
BEGIN
    -- First the lock, then the look: whoever comes second sees what the first has done.
    IF tb_wait THEN
        SELECT r.status, r.due, r.job INTO tb_old FROM tailboard.remembered AS r
         WHERE r.source = {source} AND r.job_id = tb_key FOR UPDATE;
        tb_known := FOUND;
    ELSE
        SELECT r.status, r.due, r.job INTO tb_old FROM tailboard.remembered AS r
         WHERE r.source = {source} AND r.job_id = tb_key FOR UPDATE SKIP LOCKED;
        tb_known := FOUND;
        IF NOT tb_known AND EXISTS (SELECT FROM tailboard.remembered AS r WHERE r.source = {source} AND r.job_id = tb_key) THEN
            RETURN false; -- somebody is writing about it just now
        END IF;
    END IF;
    SELECT n.id, n.status, n.due, n.card INTO tb_id, tb_status, tb_due, tb_card FROM {row} AS n;
    IF tb_id IS NULL THEN
        IF NOT tb_gone OR NOT tb_known THEN
            RETURN false;
        END IF;
        PERFORM tailboard.log_change({source}, 'D', tb_key, NULL, tb_old.status, tb_meaning, NULL, tb_old.due, NULL, tb_old.job);
        DELETE FROM tailboard.remembered AS r WHERE r.source = {source} AND r.job_id = tb_key;
        RETURN true;
    END IF;
    IF NOT tb_known THEN
        PERFORM tailboard.log_change({source}, 'I', NULL, tb_key, NULL, tb_status, tb_due, NULL, tb_card, NULL);
    ELSIF tb_card = tb_old.job THEN
        RETURN false;
    ELSE
        PERFORM tailboard.log_change({source}, 'U', tb_key, tb_key, tb_old.status, tb_status, tb_due, tb_old.due, tb_card, tb_old.job);
    END IF;
    INSERT INTO tailboard.remembered AS r (source, job_id, status, due, job)
    VALUES ({source}, tb_key, tb_status, tb_due, tb_card)
        ON CONFLICT (source, job_id) DO UPDATE SET status = EXCLUDED.status, due = EXCLUDED.due, job = EXCLUDED.job;
    RETURN true;
END
