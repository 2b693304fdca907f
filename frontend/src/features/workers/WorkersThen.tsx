import { Users } from 'lucide-react';
import { useState } from 'react';
import { brief } from '@/parts/eventLooks';
import { UNKNOWN_THEN, useHandsThen } from '@/parts/past';
import { Button } from '@/ui/Button';
import { Empty, LoadError, Note, Skeleton } from '@/ui/notices';
import { HeldJobs } from './HeldJobs';

/** Cards that are drawn, before somebody asks for more. */
const DRAWN = 100;

/** Who had which jobs in hand at a moment of the past. */
export function WorkersThen() {
  const { data, error, refetch } = useHandsThen();
  const [drawn, setDrawn] = useState(DRAWN);
  const others = (data?.hands.length ?? 0) - drawn;
  const jobs = data?.hands.reduce((sum, { jobs }) => sum + jobs.length, 0) ?? 0;
  return (
    <div className="workers">
      <div className="page-head">
        <h1>Workers</h1>
        {data !== undefined && (
          <span className="muted num">
            {data.hands.length.toLocaleString()} had {jobs.toLocaleString()} {jobs === 1 ? 'job' : 'jobs'} in
            hand
          </span>
        )}
      </div>
      <Note tone="grey">
        Heartbeats are not in the log, jobs are: these are the workers that had one in hand.
        {data?.complete === false && ` ${UNKNOWN_THEN}`}
      </Note>
      {error !== null && <LoadError error={error} retry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton lines={6} height={30} />}
      {data?.hands.length === 0 && (
        <div className="panel">
          <Empty title="Nobody had a job in hand" icon={<Users aria-hidden="true" />} />
        </div>
      )}
      <ul className="workers-list">
        {data?.hands.slice(0, drawn).map(({ worker, jobs }) => (
          <li key={worker} className="panel" data-worker={worker}>
            <div className="card-head">
              <h2 className="mono" title={worker}>
                {brief(worker) || <span className="muted">no name</span>}
              </h2>
            </div>
            <HeldJobs worker={worker} jobs={jobs} />
          </li>
        ))}
      </ul>
      {others > 0 && (
        <Button onClick={() => setDrawn(drawn + DRAWN)}>
          Show more of the other {others.toLocaleString()}
        </Button>
      )}
    </div>
  );
}
