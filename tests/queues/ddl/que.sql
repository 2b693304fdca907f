-- Que 2.4.1 (MIT), migrations up to version 7: its jobs and lockers as they are after them.
-- Written anew from what they define; the triggers that NOTIFY its own workers, and the tags' check, are left out.

CREATE TABLE que_jobs (
    priority             smallint    NOT NULL DEFAULT 100,
    run_at               timestamptz NOT NULL DEFAULT now(),
    id                   bigserial   PRIMARY KEY,
    job_class            text        NOT NULL,
    error_count          integer     NOT NULL DEFAULT 0,
    last_error_message   text,
    queue                text        NOT NULL DEFAULT 'default',
    last_error_backtrace text,
    finished_at          timestamptz,
    expired_at           timestamptz,
    args                 jsonb       NOT NULL DEFAULT '[]',
    data                 jsonb       NOT NULL DEFAULT '{}',
    job_schema_version   integer     NOT NULL,
    kwargs               jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT queue_length CHECK (char_length(queue) <= 100),
    CONSTRAINT valid_args CHECK (jsonb_typeof(args) = 'array'),
    CONSTRAINT valid_data CHECK (jsonb_typeof(data) = 'object'),
    CONSTRAINT error_length
        CHECK (char_length(last_error_message) <= 500 AND char_length(last_error_backtrace) <= 10000)
) WITH (fillfactor = 90);
CREATE INDEX que_poll_idx ON que_jobs (job_schema_version, queue, priority, run_at, id)
    WHERE finished_at IS NULL AND expired_at IS NULL;
CREATE INDEX que_jobs_data_gin_idx ON que_jobs USING gin (data jsonb_path_ops);

CREATE UNLOGGED TABLE que_lockers (
    pid                integer   NOT NULL CONSTRAINT que_lockers_pkey PRIMARY KEY,
    worker_count       integer   NOT NULL,
    worker_priorities  integer[] NOT NULL,
    ruby_pid           integer   NOT NULL,
    ruby_hostname      text      NOT NULL,
    queues             text[]    NOT NULL,
    listening          boolean   NOT NULL,
    job_schema_version integer   DEFAULT 1
);
