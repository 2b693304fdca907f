-- GoodJob 4.19.2 (MIT), what its install migration makes with Rails 7 or 8: the jobs and their executions.
-- Written anew from what it defines; what the tests do not touch is left out. Rails' datetime is timestamp(6), in UTC.

CREATE TABLE good_jobs (
    id                  uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    queue_name          text,
    priority            integer,
    serialized_params   jsonb,
    scheduled_at        timestamp(6),
    performed_at        timestamp(6),
    finished_at         timestamp(6),
    error               text,
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,
    active_job_id       uuid,
    concurrency_key     text,
    cron_key            text,
    retried_good_job_id uuid,
    cron_at             timestamp(6),
    batch_id            uuid,
    batch_callback_id   uuid,
    is_discrete         boolean,
    executions_count    integer,
    job_class           text,
    error_event         smallint,
    labels              text[],
    locked_by_id        uuid,
    locked_at           timestamp(6),
    lock_type           smallint
);
CREATE INDEX index_good_jobs_on_scheduled_at ON good_jobs (scheduled_at) WHERE finished_at IS NULL;
CREATE INDEX index_good_jobs_on_queue_name_and_scheduled_at ON good_jobs (queue_name, scheduled_at)
    WHERE finished_at IS NULL;
CREATE INDEX index_good_jobs_on_created_at ON good_jobs (created_at);
CREATE INDEX index_good_jobs_on_locked_by_id ON good_jobs (locked_by_id) WHERE locked_by_id IS NOT NULL;

CREATE TABLE good_job_executions (
    id                uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at        timestamp(6) NOT NULL,
    updated_at        timestamp(6) NOT NULL,
    active_job_id     uuid         NOT NULL,
    job_class         text,
    queue_name        text,
    serialized_params jsonb,
    scheduled_at      timestamp(6),
    finished_at       timestamp(6),
    error             text,
    error_event       smallint,
    error_backtrace   text[],
    process_id        uuid,
    duration          interval
);
