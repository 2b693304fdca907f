-- The log: what was captured, in which order it became readable, and what it adds up to.
--
-- Writers append to `changes` in their own transactions. The sealer, one at a time, turns what has become
-- visible into `ticks`, and a tick gives its changes their positions. Nothing here is ever updated.

-- The schema is there: the version table of the migrations is in it. IF NOT EXISTS would ask for the right to make one.
COMMENT ON SCHEMA tailboard IS 'Tailboard: a live board for job tables';

-- CACHE 1: for one job the order of seq must be the order of its row's versions, whichever backend wrote them.
CREATE SEQUENCE tailboard.changes_seq AS bigint CACHE 1;

-- A flag that is not subject to MVCC: 1 asks writers to NOTIFY, 0 says that the sealer is awake and polling.
-- A row would not do: a REPEATABLE READ writer reads an old snapshot and would see a stale flag for ever.
CREATE SEQUENCE tailboard.bell AS integer MINVALUE 0 MAXVALUE 1 START 1 CACHE 1;
SELECT pg_catalog.setval('tailboard.bell', 1, true);

CREATE TABLE tailboard.changes (
    seq        bigint      NOT NULL,
    xid        xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    op         "char"      NOT NULL,
    source     text COLLATE "C" NOT NULL,
    job_id     text COLLATE "C",
    old_status text COLLATE "C",
    new_status text COLLATE "C",
    old_queue  text COLLATE "C",
    old_kind   text COLLATE "C",
    old_worker text COLLATE "C",
    old_tags   text[],
    job        jsonb,
    due        timestamptz,
    old_due    timestamptz
) PARTITION BY RANGE (seq);
COMMENT ON TABLE tailboard.changes IS 'Captured row changes, in no order that readers may rely on; see tailboard.events';
COMMENT ON COLUMN tailboard.changes.op IS 'I insert, U update, D delete, T truncate or another reset';
COMMENT ON COLUMN tailboard.changes.old_queue IS 'With its neighbours, for U: what filters look at, as it was before; compared when read, not when written';
COMMENT ON COLUMN tailboard.changes.new_status IS 'For D: NULL, or how the job ended where deleting a row of this source means that';
COMMENT ON COLUMN tailboard.changes.job IS 'The canonical job after the change; for D the job as it ended; for T the counts of its source where they were taken';
COMMENT ON COLUMN tailboard.changes.due IS 'Where only time makes the job pending: when it does. With old_due for the row as it was';

-- (xid, seq) serves the sealer, who asks which transactions have ended, and readers, who know a tick''s xids.
-- (job_id, ...) serves a job''s history and the version that every listed job carries.
-- There is no index on seq alone: each index costs every writer, and the partition key prunes.
CREATE INDEX changes_xid ON tailboard.changes (xid, seq);
CREATE INDEX changes_job ON tailboard.changes (job_id, source, seq);

-- Leaves are made ahead of need; this one takes what arrives when nobody made them, so that no writer can fail.
CREATE TABLE tailboard.changes_overflow PARTITION OF tailboard.changes DEFAULT;
-- It has no key. Where all tables are published PostgreSQL would refuse to delete from it; nothing else becomes dearer.
ALTER TABLE tailboard.changes_overflow REPLICA IDENTITY FULL;

CREATE TABLE tailboard.leaves (
    leaf     name   PRIMARY KEY,
    from_seq bigint NOT NULL,
    to_seq   bigint NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE tailboard.leaves IS 'The partitions of tailboard.changes: from_seq <= seq < to_seq';

CREATE TABLE tailboard.ticks (
    tick_id        bigint         PRIMARY KEY,
    epoch          integer        NOT NULL,
    at             timestamptz    NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    snap           pg_snapshot    NOT NULL,
    first_position bigint         NOT NULL,
    n              integer        NOT NULL,
    xids           xid8[]         NOT NULL,
    seqs           int8multirange NOT NULL,
    solid          bigint         NOT NULL DEFAULT 0,
    drawn          bigint         NOT NULL
                   DEFAULT coalesce(pg_catalog.pg_sequence_last_value('tailboard.changes_seq'), 0)
);
COMMENT ON TABLE tailboard.ticks IS 'Sealed batches: the changes in seqs, by seq, have positions first_position to first_position + n - 1';
COMMENT ON COLUMN tailboard.ticks.tick_id IS 'Dense; as the primary key it refuses the second of two rival sealers';
COMMENT ON COLUMN tailboard.ticks.xids IS 'A way to find the rows in seqs quickly; never compared with a snapshot once sealed';
COMMENT ON COLUMN tailboard.ticks.solid IS 'No change at or below this seq is sealed by a later tick; 0 claims nothing';
COMMENT ON COLUMN tailboard.ticks.drawn IS 'No change above this seq is sealed by this tick or an earlier one';
ALTER TABLE tailboard.ticks ALTER xids SET STORAGE EXTERNAL; -- to compress them is a third of what sealing costs
CREATE INDEX ticks_position ON tailboard.ticks (first_position);
CREATE INDEX ticks_at ON tailboard.ticks (at);
CREATE INDEX ticks_seqs ON tailboard.ticks USING gist (seqs);

CREATE TABLE tailboard.epochs (
    epoch             integer PRIMARY KEY,
    log_id            uuid    NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    system_identifier bigint  NOT NULL,
    timeline          text    NOT NULL,
    database_oid      oid     NOT NULL,
    floor_seq         bigint  NOT NULL,
    start_position    bigint  NOT NULL,
    opened_at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE tailboard.epochs IS 'Incarnations of the log; a restore, failover or clone opens the next';

CREATE TABLE tailboard.checkpoints (
    projection text    NOT NULL,
    epoch      integer NOT NULL,
    position   bigint  NOT NULL,
    state      jsonb   NOT NULL,
    at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (projection, position)
);
COMMENT ON TABLE tailboard.checkpoints IS 'Saved folds of the log, each exact at its position';

CREATE TABLE tailboard.sources (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    table_name  text NOT NULL,
    builtin     boolean NOT NULL DEFAULT false,
    definition  jsonb NOT NULL DEFAULT '{}',
    version     integer NOT NULL DEFAULT 1,
    attached_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE TABLE tailboard.settings (
    key   text PRIMARY KEY,
    value jsonb NOT NULL
);
COMMENT ON TABLE tailboard.settings IS 'What every node must agree on';
INSERT INTO tailboard.settings (key, value) VALUES
    ('notify', 'true'),       -- false: writers never NOTIFY, the sealer polls; for workers that use PREPARE TRANSACTION
    ('leaf_rows', '1000000'); -- rows a partition of the log holds
