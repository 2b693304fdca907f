-- The body of tailboard.poll_NAME(): looks again at the jobs that have begun or ceased to be at work without a row
-- saying so, and returns how many changed. At most a thousand at a time.
#variable_conflict use_column
DECLARE
    tb_id text;
    tb_changed integer := 0;
BEGIN
    FOR tb_id IN
        SELECT id FROM (
            SELECT r.job_id AS id FROM tailboard.remembered AS r WHERE r.source = {source} AND r.status = 'in_progress'
            EXCEPT
            SELECT w.id FROM (SELECT {id}::text AS id FROM {rows} WHERE {running}) AS w) AS ended
        UNION ALL
        SELECT begun.id FROM (SELECT {id}::text AS id FROM {rows} WHERE {running}) AS begun
         WHERE NOT EXISTS (SELECT FROM tailboard.remembered AS r
                            WHERE r.source = {source} AND r.job_id = begun.id AND r.status = 'in_progress')
         LIMIT 1000
    LOOP
        IF {follow}(tb_id, false, NULL, false) THEN
            tb_changed := tb_changed + 1;
        END IF;
    END LOOP;
    RETURN tb_changed;
END
