DROP TABLE tailboard.jobs, tailboard.workers;
DROP FUNCTION tailboard.make_leaves(integer), tailboard.drop_leaf(interval, bigint, bigint), tailboard.write_capture(name, bigint),
    tailboard.stamp_job(), tailboard.stamp_new_job(), tailboard.capture_jobs(), tailboard.capture_truncate();
DELETE FROM tailboard.sources WHERE name = 'jobs';
DELETE FROM tailboard.settings WHERE key = 'capture_leaf';
DO $$
DECLARE leaf name;
BEGIN
    FOR leaf IN DELETE FROM tailboard.leaves RETURNING leaves.leaf LOOP
        EXECUTE format('DROP TABLE tailboard.%I', leaf);
    END LOOP;
END $$;
