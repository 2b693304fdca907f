import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { Link } from 'wouter';
import { EVERYTHING } from '@/client/filter';
import { useBoard, usePollInterval } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { useJobList } from '@/client/react/useJobList';
import { FailingSources } from '@/parts/FailingSources';
import { JobLines } from '@/parts/JobLines';
import { UNKNOWN_THEN } from '@/parts/past';
import { useStats } from '@/parts/stats';
import { Empty, LoadError, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';
import { DURATION_STEPS, formatDuration, formatStep } from '@/ui/time';
import './home.css';
import { Figures } from './Figures';
import { HandsThen } from './HandsThen';
import { QueueTable } from './QueueTable';
import { WorkerSummary } from './WorkerSummary';

const Chart = lazy(() => import('@/ui/Chart'));

/** Without a socket Home asks every ten seconds. */
const POLL_MS = 10_000;

/** What no feed tells, by queue and by minute, should not lag far behind the counts that it keeps up. */
const BESIDE_SOCKET_MS = 5_000;

export function HomePage() {
  const pollMs = usePollInterval(POLL_MS, BESIDE_SOCKET_MS);
  const stats = useStats(pollMs);
  const past = useMoment() !== null;
  return (
    <div className="home">
      <h1 className="sr-only">Home</h1>
      {stats.error !== null && <LoadError error={stats.error} retry={() => void stats.refetch()} />}
      <Figures stats={stats.data?.stats ?? null} />
      <Charts pollMs={pollMs} />
      <div className="home-columns">
        <RecentJobs />
        <div className="home-side">
          <QueueTable counts={stats.data ?? null} />
          {past ? <HandsThen /> : <WorkerSummary pollMs={POLL_MS} />}
        </div>
      </div>
    </div>
  );
}

function Charts({ pollMs }: { pollMs: number }) {
  const { api } = useBoard();
  const asOf = useMoment();
  const hour = asOf === null ? 'last hour' : 'the hour before';
  const { data, error, refetch } = useQuery({
    queryKey: ['minutes', asOf],
    queryFn: () => api.minutes(60, asOf),
    refetchInterval: asOf === null ? pollMs : false,
    placeholderData: (before) => before,
  });
  if (error !== null) return <LoadError error={error} retry={() => void refetch()} />;
  if (data === undefined) return <ChartsToCome hour={hour} />;
  const minutes = data;
  const times = minutes.map(({ at }) => Date.parse(at) / 1000);
  return (
    <div className="home-charts">
      <Panel title={`Throughput per minute, ${hour}`}>
        <Suspense fallback={SPACE}>
          <Chart
            label="Jobs per minute over the last hour"
            times={times}
            series={[
              { label: 'Created', tone: 'grey', dash: [4, 3], values: minutes.map(({ created }) => created) },
              {
                label: 'Completed',
                tone: 'green',
                fill: true,
                values: minutes.map(({ completed }) => completed),
              },
              { label: 'Failed', tone: 'red', dash: [2, 2], values: minutes.map(({ failed }) => failed) },
            ]}
          />
        </Suspense>
      </Panel>
      <Panel title={`Duration, ${hour}`}>
        <Suspense fallback={SPACE}>
          <Chart
            label="Duration of finished jobs over the last hour"
            times={times}
            format={formatDuration}
            steps={DURATION_STEPS}
            formatStep={formatStep}
            least={1000}
            series={[
              {
                label: 'Median',
                tone: 'blue',
                values: minutes.map(({ duration_ms }) => duration_ms?.p50 ?? null),
              },
              {
                label: '95th percentile',
                tone: 'violet',
                dash: [5, 3],
                values: minutes.map(({ duration_ms }) => duration_ms?.p95 ?? null),
              },
            ]}
          />
        </Suspense>
      </Panel>
    </div>
  );
}

const SPACE = <div className="chart-space" />;

/** An empty chart would look like an hour in which nothing happened. */
function ChartsToCome({ hour }: { hour: string }) {
  return (
    <div className="home-charts">
      <Panel title={`Throughput per minute, ${hour}`}>{SPACE}</Panel>
      <Panel title={`Duration, ${hour}`}>{SPACE}</Panel>
    </div>
  );
}

function RecentJobs() {
  const { list, view } = useJobList(EVERYTHING, 'newest', { pageSize: 50, pollWithoutSocket: POLL_MS });
  const past = useMoment() !== null;
  const jobs = view.order.slice(0, 14).flatMap((key) => list.job(key) ?? []);
  return (
    <Panel
      title="Newest jobs"
      flush
      actions={
        <Link href="/queue" className="panel-link">
          All jobs
        </Link>
      }
    >
      {!view.loaded && view.error === null && (
        <div className="panel-body">
          <Skeleton lines={9} height={22} />
        </div>
      )}
      {view.error !== null && !view.loaded && (
        <div className="panel-body">
          <LoadError error={view.error} retry={() => void list.refresh()} />
        </div>
      )}
      {view.failing.length > 0 && (
        <div className="panel-body">
          <FailingSources failing={view.failing} />
        </div>
      )}
      {view.loaded && jobs.length === 0 && (
        <Empty title={past ? 'No jobs then' : 'No jobs yet'}>
          {past ? (
            'The log knows of none that stood at this moment.'
          ) : (
            <>
              Insert a row into <code>tailboard.jobs</code> and it appears here at once.
            </>
          )}
        </Empty>
      )}
      <JobLines jobs={jobs} />
      {past && !view.complete && <p className="panel-body muted">{UNKNOWN_THEN}</p>}
    </Panel>
  );
}
