-- Sets the fields that `changes` names, as JSON; all others keep their value.
UPDATE tailboard.jobs j
   SET (queue, kind, status, priority, max_attempts, progress, phase, phases, worker, error, tags,
        scheduled_at, payload, result) =
       (SELECT p.queue, p.kind, p.status, p.priority, p.max_attempts, p.progress, p.phase, p.phases, p.worker, p.error,
               p.tags, p.scheduled_at, p.payload, p.result
          FROM jsonb_populate_record(j, %(changes)s::jsonb) p)
 WHERE j.id = %(id)s
RETURNING j.id
