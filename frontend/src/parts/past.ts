import { useQuery } from '@tanstack/react-query';
import { EVERYTHING } from '@/client/filter';
import type { Job } from '@/client/protocol';
import { useBoard } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';

export const UNKNOWN_THEN =
  'The log does not know every job of that time: those that have not changed since it begins, or since their table was attached, are missing here. The counts include them.';

export interface Hands {
  readonly worker: string;
  readonly jobs: readonly Job[];
}

const PAGE = 500;
/** The log is walked a bounded part at a time; a board shows no more than this finds. */
const PAGES_MAX = 12;

/** Who had which jobs in hand at the moment that the board shows, by name. Heartbeats are not in the log. */
export function useHandsThen() {
  const { api } = useBoard();
  const asOf = useMoment();
  return useQuery({
    queryKey: ['hands', asOf],
    enabled: asOf !== null,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: (before: Found | undefined) => before,
    queryFn: async (): Promise<Found> => {
      const jobs: Job[] = [];
      let complete = true;
      let after: string | null = null;
      for (let pages = 0; pages < PAGES_MAX; pages += 1) {
        const page = await api.jobs({ ...EVERYTHING, status: ['in_progress'] }, 'newest', after, PAGE, {
          asOf,
        });
        jobs.push(...page.jobs);
        complete &&= page.complete !== false;
        after = page.next;
        if (after === null) break;
      }
      return { hands: byWorker(jobs), complete: complete && after === null };
    },
  });
}

interface Found {
  readonly hands: readonly Hands[];
  readonly complete: boolean;
}

function byWorker(jobs: readonly Job[]): readonly Hands[] {
  const held = new Map<string, Job[]>();
  for (const job of jobs) {
    if (job.worker === null) continue;
    const known = held.get(job.worker);
    if (known === undefined) held.set(job.worker, [job]);
    else known.push(job);
  }
  return [...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([worker, jobs]) => ({ worker, jobs }));
}
