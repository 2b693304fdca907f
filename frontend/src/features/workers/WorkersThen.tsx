import { Users } from 'lucide-react';
import { JobLines } from '@/parts/JobLines';
import { UNKNOWN_THEN, useHandsThen } from '@/parts/past';
import { Empty, LoadError, Note, Skeleton } from '@/ui/notices';

/** Who had which jobs in hand at a moment of the past. */
export function WorkersThen() {
  const { data, error, refetch } = useHandsThen();
  const jobs = data?.hands.reduce((sum, { jobs }) => sum + jobs.length, 0) ?? 0;
  return (
    <div className="workers">
      <div className="page-head">
        <h1>Workers</h1>
        {data !== undefined && (
          <span className="muted num">
            {data.hands.length} had {jobs} {jobs === 1 ? 'job' : 'jobs'} in hand
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
        {data?.hands.map(({ worker, jobs }) => (
          <li key={worker} className="panel" data-worker={worker}>
            <div className="card-head">
              <h2 className="mono">{worker}</h2>
            </div>
            <JobLines jobs={jobs} />
          </li>
        ))}
      </ul>
    </div>
  );
}
