import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Briefcase, HeartPulse, Unplug, Users } from 'lucide-react';
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import type { WorkerInfo } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import { useBatches, useBoard, usePollInterval } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { brief } from '@/parts/eventLooks';
import { FailingSources } from '@/parts/FailingSources';
import { JsonView } from '@/parts/JsonView';
import { queuePath } from '@/parts/links';
import { countWorkers } from '@/parts/workerCounts';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Empty, LoadError, Note, Skeleton } from '@/ui/notices';
import { Ago, Duration } from '@/ui/time';
import { HeldJobs } from './HeldJobs';
import { WorkersThen } from './WorkersThen';
import './workers.css';

const KEY = ['workers'];
const AGAIN_MS = 1_000;
/** So many workers fit an address well. */
const LINKED = 20;
/** Cards that are drawn, before somebody asks for more. */
const DRAWN = 100;

/** Heartbeats are not events: they are asked for, and asked for at once when a job begins or ends. */
function useWorkers() {
  const { api } = useBoard();
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useBatches(({ events, reset }) => {
    const concerned = reset !== null || events.some(({ job }) => job.worker !== null);
    if (timer.current !== undefined || !concerned) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: KEY });
    }, AGAIN_MS);
  });
  return useQuery({
    queryKey: KEY,
    queryFn: () => api.workers(),
    refetchInterval: Math.min(usePollInterval(), 10_000),
  });
}

export function WorkersPage() {
  return useMoment() === null ? <WorkersNow /> : <WorkersThen />;
}

function WorkersNow() {
  const { data: answer, error, refetch } = useWorkers();
  const data = answer?.workers;
  const alive = data?.filter((worker) => worker.alive) ?? [];
  const lost = data?.filter((worker) => !worker.alive) ?? [];
  const stranded = lost.reduce((sum, worker) => sum + worker.jobs.length, 0);
  const holders = lost.filter(({ jobs }) => jobs.length > 0).map(({ name }) => name);
  const counts = countWorkers(data ?? []);
  const complete = answer?.complete !== false;
  const [drawn, setDrawn] = useState(DRAWN);
  const cards = [
    ...lost.filter(({ jobs }) => jobs.length > 0),
    ...alive,
    ...lost.filter(({ jobs }) => jobs.length === 0),
  ];
  return (
    <div className="workers">
      <div className="page-head">
        <h1>Workers</h1>
        {data !== undefined && (
          <span className="muted num">
            {counts.alive.toLocaleString()} alive, {counts.lost.toLocaleString()} lost
            {counts.unknown > 0 && `, ${counts.unknown.toLocaleString()} without a heartbeat`}
            {!complete && ', and more'}
          </span>
        )}
      </div>
      {error !== null && <LoadError error={error} retry={() => void refetch()} />}
      {stranded > 0 && (
        <Note tone="red" action={holders.length <= LINKED && <ShowHeld by={holders} />}>
          {stranded.toLocaleString()} {stranded === 1 ? 'job is' : 'jobs are'} held by workers that no longer
          answer. Where the queue does not take such jobs back by itself, cancel and retry them.
        </Note>
      )}
      {!complete && (
        <Note tone="grey">
          There are more workers, or more jobs in progress, than the board can show at once: a worker may have
          jobs that are not here.
        </Note>
      )}
      <FailingSources failing={answer?.failing ?? []} />
      {data === undefined && error === null && <Skeleton lines={6} height={30} />}
      {data?.length === 0 && (
        <div className="panel">
          <Empty title="No workers have reported" icon={<Users aria-hidden="true" />}>
            A worker appears here once it calls <code>tailboard.heartbeat(name, info)</code> or holds a job.
          </Empty>
        </div>
      )}
      <ul className="workers-list">
        {cards.slice(0, drawn).map((worker) => (
          <Card key={worker.name} worker={worker} idle={complete ? 'Idle' : 'No job here'} />
        ))}
      </ul>
      {cards.length > drawn && (
        <Button onClick={() => setDrawn(drawn + DRAWN)}>
          Show more of the other {(cards.length - drawn).toLocaleString()}
        </Button>
      )}
    </div>
  );
}

function ShowHeld({ by }: { by: readonly string[] }) {
  return (
    <Link className="button" href={queuePath({ ...EVERYTHING, status: ['in_progress'], worker: by })}>
      Show them
    </Link>
  );
}

function HealthBadge({ health }: { health: WorkerInfo['health'] }) {
  switch (health) {
    case 'alive':
      return (
        <Badge tone="green" icon={<HeartPulse aria-hidden="true" />}>
          Alive
        </Badge>
      );
    case 'late':
      return (
        <Badge tone="amber" icon={<HeartPulse aria-hidden="true" />}>
          Late
        </Badge>
      );
    case 'lost':
      return (
        <Badge tone="red" icon={<Unplug aria-hidden="true" />}>
          Lost
        </Badge>
      );
    case 'unknown':
      return (
        <Badge tone="blue" icon={<Briefcase aria-hidden="true" />}>
          Working
        </Badge>
      );
    default:
      return health satisfies never;
  }
}

function Card({ worker, idle }: { worker: WorkerInfo; idle: string }) {
  const info = worker.info !== null && typeof worker.info === 'object' && Object.keys(worker.info).length > 0;
  return (
    <li className="panel" data-worker={worker.name}>
      <div className="card-head">
        <h2 className="mono" title={worker.name}>
          {brief(worker.name) || <span className="muted">no name</span>}
        </h2>
        <HealthBadge health={worker.health} />
        <span className="muted worker-seen">
          {worker.seen_at === null ? (
            'Sends no heartbeat: known by the jobs that name it'
          ) : (
            <>
              Heartbeat <Ago iso={worker.seen_at} />
            </>
          )}
          {worker.started_at !== null && (
            <>
              {' · '}
              {worker.alive ? 'up for' : 'was started'}{' '}
              {worker.alive ? (
                <Duration from={worker.started_at} to={null} />
              ) : (
                <Ago iso={worker.started_at} />
              )}
            </>
          )}
        </span>
      </div>
      {worker.jobs.length > 0 ? (
        <HeldJobs worker={worker.name} jobs={worker.jobs} />
      ) : (
        <p className="worker-idle muted">{idle}</p>
      )}
      {info && (
        <details className="worker-info">
          <summary>Info</summary>
          <JsonView value={worker.info} label={`Info of ${worker.name}`} />
        </details>
      )}
    </li>
  );
}
