-- A worker in nothing but SQL: one shift of the reports desk. Run it again and again, for example with
--     while psql "$(tailboard dsn)" -X -q -o /dev/null -f sql_worker.sql; do :; done
-- Each statement is a transaction of its own, and each change is on the board the moment it commits.
-- It touches no job without the tag `demo`.

-- Say that we are alive.
INSERT INTO tailboard.workers (name, info) VALUES ('reports-desk', '{"language": "SQL", "host": "psql"}')
    ON CONFLICT (name) DO UPDATE SET info = excluded.info, seen_at = now();

-- Give back what a shift that was cut short left behind.
UPDATE tailboard.jobs
   SET status = 'pending', worker = NULL, progress = NULL, phase = NULL, phases = '[]'
 WHERE worker = 'reports-desk' AND status = 'in_progress' AND tags @> '{demo}';

-- Order some work while little is waiting; one in five only for later.
INSERT INTO tailboard.jobs (queue, kind, priority, tags, payload, status, scheduled_at)
SELECT CASE WHEN wanted.kind LIKE 'report.%' THEN 'reports' ELSE 'billing' END,
       wanted.kind,
       wanted.priority,
       ARRAY['demo', (ARRAY['eu', 'us', 'apac'])[1 + floor(random() * 3)::int]],
       jsonb_build_object('customer', 1000 + floor(random() * 9000)::int, 'month', to_char(now(), 'YYYY-MM')),
       CASE WHEN wanted.later THEN 'scheduled' ELSE 'pending' END,
       CASE WHEN wanted.later THEN now() + interval '1 second' * (10 + floor(random() * 30)) END
  FROM (SELECT (ARRAY['report.sales', 'report.stock', 'report.churn', 'invoice.render', 'invoice.remind'])
                   [1 + floor(random() * 5)::int] AS kind,
               (ARRAY[0, 0, 0, 5, 10])[1 + floor(random() * 5)::int] AS priority,
               random() < 0.2 AS later
          FROM generate_series(1, 2)) AS wanted
 WHERE (SELECT count(*) FROM tailboard.jobs
         WHERE queue IN ('reports', 'billing') AND status IN ('pending', 'scheduled')) < 12;

-- What was scheduled and is due now waits with the others.
UPDATE tailboard.jobs SET status = 'pending'
 WHERE status = 'scheduled' AND scheduled_at <= now() AND queue IN ('reports', 'billing') AND tags @> '{demo}';

-- Take the next job, without waiting for anybody else who does the same.
UPDATE tailboard.jobs
   SET status = 'in_progress', worker = 'reports-desk', error = NULL, progress = 0, phase = 'collect',
       phases = jsonb_build_array(
           jsonb_build_object('name', 'collect', 'status', 'in_progress', 'started_at', now()),
           jsonb_build_object('name', 'compute', 'status', 'pending'),
           jsonb_build_object('name', 'publish', 'status', 'pending'))
 WHERE id = (SELECT id FROM tailboard.jobs
              WHERE status = 'pending' AND queue IN ('reports', 'billing') AND tags @> '{demo}'
              ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED);

SELECT pg_sleep(0.4 + random() * 0.4);

UPDATE tailboard.jobs SET progress = 0.2
 WHERE worker = 'reports-desk' AND status = 'in_progress' AND tags @> '{demo}';

SELECT pg_sleep(0.4 + random() * 0.4);

UPDATE tailboard.jobs
   SET progress = 0.4, phase = 'compute',
       phases = jsonb_set(jsonb_set(phases,
           '{0}', phases -> 0 || jsonb_build_object('status', 'completed', 'progress', 1, 'finished_at', now(),
                                                    'message', 1 + floor(random() * 5000)::int || ' rows')),
           '{1}', phases -> 1 || jsonb_build_object('status', 'in_progress', 'started_at', now()))
 WHERE worker = 'reports-desk' AND status = 'in_progress' AND tags @> '{demo}';

SELECT pg_sleep(0.4 + random() * 0.6);

-- Some fail here. They come back after a while, as long as they have attempts left.
UPDATE tailboard.jobs
   SET status = CASE WHEN attempt < max_attempts THEN 'scheduled' ELSE 'failed' END,
       scheduled_at = CASE WHEN attempt < max_attempts THEN now() + interval '5 seconds' * attempt END,
       error = (ARRAY['canceling statement due to statement timeout',
                      'division by zero',
                      'could not obtain lock on relation "ledger"'])[1 + floor(random() * 3)::int],
       phases = jsonb_set(phases, '{1}',
           phases -> 1 || jsonb_build_object('status', 'failed', 'finished_at', now()))
 WHERE worker = 'reports-desk' AND status = 'in_progress' AND tags @> '{demo}' AND random() < 0.25;

UPDATE tailboard.jobs
   SET progress = 0.8, phase = 'publish',
       phases = jsonb_set(jsonb_set(phases,
           '{1}', phases -> 1 || jsonb_build_object('status', 'completed', 'progress', 1, 'finished_at', now())),
           '{2}', phases -> 2 || jsonb_build_object('status', 'in_progress', 'started_at', now()))
 WHERE worker = 'reports-desk' AND status = 'in_progress' AND tags @> '{demo}';

SELECT pg_sleep(0.3 + random() * 0.3);

UPDATE tailboard.jobs
   SET status = 'completed', progress = 1,
       phases = jsonb_set(phases, '{2}',
           phases -> 2 || jsonb_build_object('status', 'completed', 'progress', 1, 'finished_at', now())),
       result = jsonb_build_object('pages', 1 + floor(random() * 40)::int)
 WHERE worker = 'reports-desk' AND status = 'in_progress' AND tags @> '{demo}';
