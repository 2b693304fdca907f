import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { WorkerInfo } from '@/client/api';
import { useBoard, usePollInterval } from '@/client/react/board';
import { countWorkers } from '@/parts/workerCounts';
import type { Tone } from '@/ui/Badge';
import { LoadError, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';
import { Ago } from '@/ui/time';

const SHOWN = 6;

/** Before the others those that are lost, first of all with a job. */
function worstFirst(workers: readonly WorkerInfo[]): readonly WorkerInfo[] {
  const rank = ({ alive, jobs }: WorkerInfo) => (alive ? 2 : jobs.length > 0 ? 0 : 1);
  return [...workers].sort((a, b) => rank(a) - rank(b));
}

function toneOf({ alive, health }: WorkerInfo): Tone {
  if (!alive) return 'red';
  return health === 'unknown' ? 'blue' : 'green';
}

export function WorkerSummary({ pollMs }: { pollMs: number }) {
  const { api } = useBoard();
  const {
    data: answer,
    error,
    refetch,
  } = useQuery({
    queryKey: ['workers'],
    queryFn: () => api.workers(),
    refetchInterval: Math.min(usePollInterval(pollMs), 10_000),
  });
  const data = answer?.workers;
  const { alive, lost, unknown } = countWorkers(data ?? []);
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
      {data === undefined && (
        <div className="panel-body">
          {error === null ? <Skeleton lines={2} /> : <LoadError error={error} retry={() => void refetch()} />}
        </div>
      )}
      {data !== undefined && (
        <p className="workers-count">
          <b className="num">{alive.toLocaleString()}</b> alive
          {lost > 0 && `, ${lost.toLocaleString()} lost`}
          {unknown > 0 && `, ${unknown.toLocaleString()} without a heartbeat`}
          {!answer?.complete && ', and more'}
        </p>
      )}
      <ul>
        {worstFirst(data ?? [])
          .slice(0, SHOWN)
          .map((worker) => (
            <li key={worker.name} className="worker-line">
              <i className={`tone-${toneOf(worker)}`} aria-hidden="true" />
              <span className="truncate mono">{worker.name || 'no name'}</span>
              <span className="muted">
                {worker.alive ? (
                  worker.jobs.length === 0 ? (
                    answer?.complete && 'idle'
                  ) : (
                    `${worker.jobs.length} ${worker.jobs.length === 1 ? 'job' : 'jobs'}`
                  )
                ) : (
                  <>
                    lost, seen <Ago iso={worker.seen_at} />
                  </>
                )}
              </span>
            </li>
          ))}
      </ul>
    </Panel>
  );
}
