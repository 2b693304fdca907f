/** Jobs as a list keeps them. */

import { shortened } from './headline';
import type { Job } from './protocol';

/** Of an error, in characters: its headline and what is shown on hover. */
const ERROR_KEPT = 500;

/**
 * A row keeps what a list shows: payloads of a hundred thousand jobs would fill the memory. Made field by field, all rows
 * have one shape, wherever they came from: an object that is spread keeps half of its fields in a second one.
 */
export function slim(job: Job): Job {
  return {
    source: job.source,
    id: job.id,
    queue: job.queue,
    kind: job.kind,
    status: job.status,
    priority: job.priority,
    attempt: job.attempt,
    max_attempts: job.max_attempts,
    progress: job.progress,
    phase: job.phase,
    phases: null,
    worker: job.worker,
    error: job.error === null ? null : inLittle(job.error),
    tags: job.tags,
    created_at: job.created_at,
    scheduled_at: job.scheduled_at,
    started_at: job.started_at,
    finished_at: job.finished_at,
    payload: null,
    result: null,
    version: job.version,
    due: job.due ?? null,
  };
}

/** What a row shows of an error. A part of a string keeps the whole of it in memory, so it is written anew. */
function inLittle(error: string): string {
  if (error.length <= ERROR_KEPT) return error;
  return JSON.parse(JSON.stringify(shortened(error, ERROR_KEPT))) as string;
}
