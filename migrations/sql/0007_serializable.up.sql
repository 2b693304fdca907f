-- Counts a fault of a source's capture, so that the owner's statement does not fail. Only a serialization failure is passed on: it is
-- about the whole transaction, which its owner tries again; swallowed, the transaction would commit without its change in the log.
CREATE OR REPLACE FUNCTION tailboard.capture_fault(source text, state text, message text, op text DEFAULT NULL, job_id text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    IF state = '40001' THEN
        RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, HINT = 'The transaction might succeed if retried.';
    END IF;
    BEGIN
        n := nextval(format('tailboard.%I', 'faults_' || source));
        IF n <= 20 OR n % 1000 = 0 THEN
            RAISE WARNING 'Tailboard could not record a change of %: %', source, message
                USING HINT = 'Your statement is not affected. See "tailboard sources".';
            INSERT INTO tailboard.faults VALUES (source, n, DEFAULT, state, left(message, 500), op, left(job_id, 200));
        END IF;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'Tailboard could not count a fault of %: %', source, SQLERRM;
    END;
END $$;
