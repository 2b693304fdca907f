import { Link } from 'wouter';
import { EVERYTHING } from '@/client/filter';
import type { Job } from '@/client/protocol';
import { JobLines } from '@/parts/JobLines';
import { queuePath } from '@/parts/links';

/** Jobs that a card draws: a worker may have taken hundreds, and the page draws them anew with every change. */
const DRAWN = 10;

/** What a worker has in hand; the rest of much is in the Queue. */
export function HeldJobs({ worker, jobs }: { worker: string; jobs: readonly Job[] }) {
  const others = jobs.length - DRAWN;
  return (
    <>
      <JobLines jobs={jobs.slice(0, DRAWN)} />
      {others > 0 && (
        <p className="worker-others">
          <Link
            href={queuePath({ ...EVERYTHING, status: ['in_progress'], worker: [worker] })}
            className="panel-link"
          >
            and {others.toLocaleString()} more
          </Link>
        </p>
      )}
    </>
  );
}
