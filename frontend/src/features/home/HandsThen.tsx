import { Link } from 'wouter';
import { useHandsThen } from '@/parts/past';
import { LoadError, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';

const SHOWN = 6;

/** In the past, in the place of the workers' summary: who had jobs in hand. */
export function HandsThen() {
  const { data, error, refetch } = useHandsThen();
  return (
    <Panel
      title="Workers"
      flush
      actions={
        <Link href="/workers" className="panel-link">
          All workers
        </Link>
      }
    >
      {error !== null && <LoadError error={error} retry={() => void refetch()} />}
      {data === undefined && error === null && (
        <div className="panel-body">
          <Skeleton lines={2} />
        </div>
      )}
      {data !== undefined && (
        <p className="workers-count">
          <b className="num">{data.hands.length}</b> had a job in hand
        </p>
      )}
      <ul>
        {data?.hands.slice(0, SHOWN).map(({ worker, jobs }) => (
          <li key={worker} className="worker-line">
            <i className="tone-grey" aria-hidden="true" />
            <span className="truncate mono">{worker || 'no name'}</span>
            <span className="muted">
              {jobs.length} {jobs.length === 1 ? 'job' : 'jobs'}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
