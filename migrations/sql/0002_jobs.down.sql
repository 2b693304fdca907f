DROP FUNCTION tailboard.is_mine(xid), tailboard.note_overtaking(text, text, oid, tid, xid), tailboard.note_depth(), tailboard.take_above(text, text, bigint),
    tailboard.take_later(text, text, oid, tid), tailboard.take_replacement(text, text, jsonb, xid, boolean), tailboard.put_back(tailboard.changes[]),
    tailboard.card_text(tailboard.changes), tailboard.card(tailboard.changes);
ALTER TABLE tailboard.changes DROP COLUMN record;
DROP TABLE tailboard.jobs CASCADE; -- with the functions that take its row type
DROP TABLE tailboard.workers, tailboard.overtakings;
DROP FUNCTION tailboard.make_leaves(integer), tailboard.drop_leaf(interval, bigint, bigint), tailboard.write_capture(name, bigint),
    tailboard.stamp_job(), tailboard.stamp_new_job(), tailboard.capture_job_update(), tailboard.capture_job_insert(),
    tailboard.capture_job_delete(), tailboard.capture_truncate(), tailboard.keep_job_id(), tailboard.job_fits(text, double precision, jsonb),
    tailboard.refuse_job(text, double precision, jsonb);
DELETE FROM tailboard.sources WHERE name = 'jobs';
DELETE FROM tailboard.settings WHERE key = 'capture_leaf';
DO $$
DECLARE leaf name;
BEGIN
    FOR leaf IN DELETE FROM tailboard.leaves RETURNING leaves.leaf LOOP
        EXECUTE format('DROP TABLE tailboard.%I', leaf);
    END LOOP;
END $$;
