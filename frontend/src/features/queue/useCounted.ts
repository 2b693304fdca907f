import type { JobFilter } from '@/client/filter';
import { STATUSES, type Status } from '@/client/protocol';
import { usePollInterval } from '@/client/react/board';
import { countedBy, useStats } from '@/parts/stats';

export interface Counted {
  /** How many jobs of a status the filter reaches, its own statuses aside; null where that is not known. */
  readonly of: ((status: Status) => number) | null;
  /** How many jobs match; null where that is not known. */
  readonly total: number | null;
  /** Queues that are counted by themselves. */
  readonly queues: ReadonlySet<string>;
}

/** What is counted of the jobs that a filter reaches. */
export function useCounted(filter: JobFilter): Counted {
  // What is counted by queue no feed keeps up.
  const byQueue = filter.source.length + filter.queue.length > 0;
  const stats = useStats(usePollInterval(5_000, byQueue ? 5_000 : 30_000), filter.queue);
  const queues = new Set(stats.data?.by_queue.map(({ queue }) => queue));
  const asked = stats.isPlaceholderData && filter.queue.some((queue) => !queues.has(queue));
  const of = stats.data === undefined || asked ? null : countedBy(filter, stats.data);
  const statuses = filter.status.length > 0 ? filter.status : STATUSES;
  return { of, total: of && statuses.reduce((sum, status) => sum + of(status), 0), queues };
}
