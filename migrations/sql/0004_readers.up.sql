-- The log for SQL integrations: classified events in their order, resumable at a cursor.

-- Like the functions below it does without a SET clause, so that it is part of the query that calls it: a call of its
-- own for each event would be most of what reading costs.
CREATE FUNCTION tailboard.classify(op "char", from_status text, to_status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN op OPERATOR(pg_catalog.=) 'I' THEN 'job_created'
        WHEN op OPERATOR(pg_catalog.=) 'T' THEN 'source_reset'
        WHEN from_status IS NOT DISTINCT FROM to_status
            THEN CASE WHEN op OPERATOR(pg_catalog.=) 'D' THEN 'job_deleted' ELSE 'job_updated' END
        WHEN to_status OPERATOR(pg_catalog.=) 'completed' THEN 'job_completed'
        WHEN to_status OPERATOR(pg_catalog.=) 'failed' THEN 'job_failed'
        WHEN op OPERATOR(pg_catalog.=) 'D' THEN 'job_deleted'
        WHEN to_status OPERATOR(pg_catalog.=) 'in_progress' THEN 'job_started'
        ELSE 'job_updated'
    END
$$;
COMMENT ON FUNCTION tailboard.classify IS 'What a change means; agrees with tailboard.core.classify in every combination';

-- Whole seconds, up: counts of jobs that only time makes pending are kept by the second. A job that is due at no time
-- never becomes pending by itself.
CREATE FUNCTION tailboard.due_second(due timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN pg_catalog.isfinite(due)
                THEN pg_catalog.ceil(pg_catalog.date_part('epoch', due))::bigint END
$$;
COMMENT ON FUNCTION tailboard.due_second IS 'The second since 1970 from which a job that is due then counts as pending';

-- Where a change leads, for integrations: `deleted` says that the row is gone, however its job ended.
CREATE FUNCTION tailboard.transition(c tailboard.changes) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN c.op OPERATOR(pg_catalog.=) 'D'
                THEN pg_catalog.jsonb_build_object('from', c.old_status, 'to', c.new_status, 'deleted', true)
                ELSE pg_catalog.jsonb_build_object('from', c.old_status, 'to', c.new_status) END
$$;

-- What filters look at and this change altered, as it was before; NULL where it altered nothing of that. `card` is the change's.
CREATE FUNCTION tailboard.was(c tailboard.changes, card jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN c.op OPERATOR(pg_catalog.=) 'U' THEN nullif(
        CASE WHEN c.old_queue IS DISTINCT FROM card OPERATOR(pg_catalog.->>) 'queue'
             THEN pg_catalog.jsonb_build_object('queue', c.old_queue) ELSE '{}' END
        OPERATOR(pg_catalog.||) CASE WHEN c.old_kind IS DISTINCT FROM card OPERATOR(pg_catalog.->>) 'kind'
             THEN pg_catalog.jsonb_build_object('kind', c.old_kind) ELSE '{}' END
        OPERATOR(pg_catalog.||) CASE WHEN c.old_worker IS DISTINCT FROM card OPERATOR(pg_catalog.->>) 'worker'
             THEN pg_catalog.jsonb_build_object('worker', c.old_worker) ELSE '{}' END
        OPERATOR(pg_catalog.||) CASE WHEN pg_catalog.to_jsonb(coalesce(c.old_tags, '{}')) OPERATOR(pg_catalog.<>)
                       coalesce(nullif(card OPERATOR(pg_catalog.->) 'tags', 'null'), '[]')
             THEN pg_catalog.jsonb_build_object('tags', c.old_tags) ELSE '{}' END, '{}') END
$$;

CREATE FUNCTION tailboard.job_version(source text, job_id text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.seq FROM tailboard.changes c
     WHERE c.job_id = job_version.job_id AND c.source = job_version.source
     ORDER BY c.seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION tailboard.job_version IS 'The seq of a job''s last change; NULL where the log no longer holds one';

CREATE FUNCTION tailboard.cursor() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.epoch || '.' || (t.first_position + t.n - 1) FROM tailboard.ticks t ORDER BY t.tick_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION tailboard.cursor IS 'The place after the last readable event; NULL until the first server has started';

CREATE FUNCTION tailboard.is_where_it_was_sealed() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last tailboard.epochs;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN true; -- a standby is behind, and will have it
    END IF;
    SELECT * INTO last FROM tailboard.epochs ORDER BY epoch DESC LIMIT 1;
    RETURN last.system_identifier = (SELECT system_identifier FROM pg_control_system())
       AND last.timeline = left(pg_walfile_name(pg_current_wal_lsn()), 8)
       AND last.database_oid = (SELECT oid FROM pg_database WHERE datname = current_database());
END $$;
COMMENT ON FUNCTION tailboard.is_where_it_was_sealed IS 'False from a restore or a promotion until the next server opens an epoch';

-- Where reading goes on: a position, or the reason why it cannot (with the place to start anew).
CREATE FUNCTION tailboard.resolve_cursor(
    "cursor" text, OUT "position" bigint, OUT reason text, OUT head text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[] := regexp_match("cursor", '^([1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,17})$');
    asked integer;
    last record;
    surviving bigint;
BEGIN
    IF parts IS NULL THEN
        RAISE EXCEPTION '% is not a cursor', coalesce(quote_literal(left("cursor", 40)), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A cursor is epoch.position, for example 3.104522. Take one from tailboard.cursor() or tailboard.read().';
    END IF;
    asked := parts[1];
    "position" := parts[2];
    SELECT t.epoch, t.first_position + t.n - 1 AS "position" INTO last
      FROM tailboard.ticks t ORDER BY t.tick_id DESC LIMIT 1;
    head := last.epoch || '.' || last."position";
    IF last IS NULL OR (asked = last.epoch AND "position" > last."position" AND tailboard.is_where_it_was_sealed()) THEN
        RAISE EXCEPTION 'cursor % is ahead of the log, which ends at %', "cursor", coalesce(head, 'its beginning')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It comes from another database, or from a log that was replaced. Start again from tailboard.cursor().';
    END IF;
    IF (asked = last.epoch AND "position" > last."position")
       OR NOT EXISTS (SELECT FROM tailboard.epochs e WHERE e.epoch = asked) THEN
        -- lost with the server that gave it out: a failover whose epoch is not open yet, or one of which nothing came here
        reason := 'epoch_changed';
        RETURN;
    END IF;
    SELECT e.start_position INTO surviving FROM tailboard.epochs e WHERE e.epoch > asked ORDER BY e.epoch LIMIT 1;
    IF "position" > surviving THEN
        reason := 'epoch_changed'; -- what followed there was lost in a failover or a restore
    ELSIF "position" < (SELECT t.first_position - 1 FROM tailboard.ticks t ORDER BY t.first_position LIMIT 1) THEN
        reason := 'cursor_expired'; -- below the retention floor
    END IF;
END $$;

-- "cursor" is the place after each event. A reader calls again with the last one it has dealt with.
CREATE FUNCTION tailboard.read(after text, max integer DEFAULT 500)
RETURNS TABLE ("cursor" text, type text, source text, job_id text, change jsonb, job jsonb, at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    bound bigint;
BEGIN
    IF max IS NULL OR max NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'max must be between 1 and 10000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO place FROM tailboard.resolve_cursor(after);
    IF place.reason IS NOT NULL THEN
        RETURN QUERY SELECT place.head, 'reset', NULL::text, NULL::text,
                            jsonb_build_object('reason', place.reason), NULL::jsonb, clock_timestamp();
        RETURN;
    END IF;
    -- what an earlier tick says is solid no later one names: full partitions are pruned before they are opened
    SELECT t.solid INTO bound FROM tailboard.ticks t WHERE t.first_position <= place."position" - 500
     ORDER BY t.first_position DESC LIMIT 1;
    RETURN QUERY
    WITH wanted AS MATERIALIZED ( -- so a card is made once, and only of what is returned
        SELECT t.epoch, t.first_position + c.place AS "position", c.change, tailboard.card(c.change) AS card
          FROM tailboard.ticks t
         CROSS JOIN LATERAL (
               SELECT l AS change, row_number() OVER (ORDER BY l.seq) - 1 AS place FROM tailboard.changes l
                WHERE l.seq > coalesce(bound, 0) AND l.xid = ANY (t.xids)
                  AND l.seq >= lower(t.seqs) AND l.seq < upper(t.seqs) AND l.seq <@ t.seqs) c
         -- a tick holds at most 500 changes, so these are all that can overlap the wanted positions
         WHERE t.first_position > place."position" - 500 AND t.first_position <= place."position" + max
           AND t.first_position + c.place > place."position" AND t.first_position + c.place <= place."position" + max
    ), compared AS MATERIALIZED (
        SELECT w.*, tailboard.was(w.change, w.card) AS was FROM wanted w
    )
    SELECT e.epoch || '.' || e."position",
           tailboard.classify((e.change).op, (e.change).old_status, (e.change).new_status),
           (e.change).source::text, (e.change).job_id::text,
           tailboard.transition(e.change) || CASE WHEN e.was IS NULL THEN '{}' ELSE jsonb_build_object('was', e.was) END,
           CASE WHEN (e.change).op <> 'T' THEN e.card END, (e.change).at
      FROM compared e
     ORDER BY e."position";
END $$;
COMMENT ON FUNCTION tailboard.read IS 'Up to max events after a cursor, in order; one row of type reset where the log cannot continue there';

-- While changes keep coming and nobody watches, the log is sealed four times a second only, which leaves more of the machine
-- to the writers. Whoever watches holds a lock, so that the end of a session, however it comes, ends its watching too.
CREATE FUNCTION tailboard.watch() RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_try_advisory_lock_shared(1952541036, 3)
$$;
COMMENT ON FUNCTION tailboard.watch IS 'Until unwatch() or the end of this session, a busy log is sealed for somebody who watches: every few milliseconds';

CREATE FUNCTION tailboard.unwatch() RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_unlock_shared(1952541036, 3)
$$;
COMMENT ON FUNCTION tailboard.unwatch IS 'Take one watch() of this session back';

CREATE FUNCTION tailboard.is_watched() RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks l
                    WHERE l.locktype = 'advisory' AND l.classid = 1952541036 AND l.objid = 3 AND l.objsubid = 2
                      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                      AND l.pid <> pg_backend_pid())
$$;
COMMENT ON FUNCTION tailboard.is_watched IS 'Whether any other session has called watch()';

CREATE VIEW tailboard.events AS
SELECT t.epoch || '.' || (t.first_position + c.place) AS "cursor",
       t.epoch, t.first_position + c.place AS "position", t.tick_id,
       tailboard.classify(c.op, c.old_status, c.new_status) AS type,
       c.source, c.job_id, c.seq AS version, c.old_status, c.new_status, c.op = 'D' AS deleted,
       tailboard.was(c.change, c.card) AS was,
       CASE WHEN c.op <> 'T' THEN c.card END AS job, c.at
  FROM tailboard.ticks t
 CROSS JOIN LATERAL (
       SELECT l.*, l AS change, tailboard.card(l) AS card, row_number() OVER (ORDER BY l.seq) - 1 AS place FROM tailboard.changes l
        WHERE l.xid = ANY (t.xids) AND l.seq >= lower(t.seqs) AND l.seq < upper(t.seqs) AND l.seq <@ t.seqs) c;
COMMENT ON VIEW tailboard.events IS 'Every readable event; to follow the log use tailboard.read(), which seeks';
