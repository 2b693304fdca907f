/** The server's orders: each source by id or creation and all by creation, or by a column and then the newest first. */

import type { Sort } from './api';
import { type Job, jobKey } from './protocol';

export function comparator(sort: Sort): (a: Job, b: Job) => number {
  switch (sort) {
    case 'newest':
      return (a, b) => age(b, a);
    case 'oldest':
      return age;
    case 'priority':
      return (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || age(b, a);
    case 'started':
      return (a, b) => text(finite(b.started_at), finite(a.started_at)) || age(b, a);
    case 'finished':
      return (a, b) => text(finite(b.finished_at), finite(a.finished_at)) || age(b, a);
    default:
      return sort satisfies never;
  }
}

function age(a: Job, b: Job): number {
  if (a.source === b.source && typeof a.id === 'number' && typeof b.id === 'number') return a.id - b.id;
  return created(a) - created(b) || text(jobKey(a), jobKey(b));
}

/** What does not say when it was created is new: it has just been heard of. */
function created(job: Job): number {
  const at = job.created_at === null ? Number.NaN : Date.parse(job.created_at);
  return Number.isNaN(at) ? Number.MAX_SAFE_INTEGER : at;
}

/** A time to sort by; `infinity` is none. */
function finite(time: string | null): string | null {
  return time === null || Number.isNaN(Date.parse(time)) ? null : time;
}

function text(a: string | null, b: string | null): number {
  const x = a ?? '';
  const y = b ?? '';
  return x < y ? -1 : x > y ? 1 : 0;
}
