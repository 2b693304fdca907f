import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { WorkerInfo } from '@/client/api';
import { useBoard, usePollInterval } from '@/client/react/board';
import { Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';
import { Ago } from '@/ui/time';

const SHOWN = 6;

/** Before the others those that are lost, first of all with a job. */
function worstFirst(workers: readonly WorkerInfo[]): readonly WorkerInfo[] {
  const rank = ({ alive, jobs }: WorkerInfo) => (alive ? 2 : jobs.length > 0 ? 0 : 1);
  return [...workers].sort((a, b) => rank(a) - rank(b));
}

export function WorkerSummary({ pollMs }: { pollMs: number }) {
  const { api } = useBoard();
  const { data: answer } = useQuery({
    queryKey: ['workers'],
    queryFn: () => api.workers(),
    refetchInterval: Math.min(usePollInterval(pollMs), 10_000),
  });
  const data = answer?.workers;
  const alive = data?.filter((worker) => worker.alive).length ?? 0;
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
          <Skeleton lines={2} />
        </div>
      )}
      {data !== undefined && (
        <p className="workers-count">
          <b className="num">{alive.toLocaleString()}</b> alive
          {data.length > alive && `, ${(data.length - alive).toLocaleString()} lost`}
          {!answer?.complete && ', and more'}
        </p>
      )}
      <ul>
        {worstFirst(data ?? [])
          .slice(0, SHOWN)
          .map((worker) => (
            <li key={worker.name} className="worker-line">
              <i className={worker.alive ? 'tone-green' : 'tone-red'} aria-hidden="true" />
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
