-- Counts a fault of a source's capture. Never fails, so that the owner's statement does not either.
CREATE OR REPLACE FUNCTION tailboard.capture_fault(source text, state text, message text, op text DEFAULT NULL, job_id text DEFAULT NULL)
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
