import { ArrowLeft, SearchX } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { EVERYTHING } from '@/client/filter';
import { writeJson } from '@/client/json';
import { type Job, type Json, ownFields, statusAt } from '@/client/protocol';
import { useMoment } from '@/client/react/moment';
import { Problem } from '@/client/rest';
import { ROOT_PATH } from '@/client/root';
import { cameFrom } from '@/parts/cameFrom';
import { brief } from '@/parts/eventLooks';
import { kindOf, shortId } from '@/parts/JobId';
import { JsonView } from '@/parts/JsonView';
import { JobActions, useExpectedStatus } from '@/parts/jobActions';
import { jobInPath, queuePath } from '@/parts/links';
import { StatusBadge } from '@/parts/status';
import { useTitle } from '@/parts/title';
import { CopyButton } from '@/ui/CopyButton';
import { useFromNow } from '@/ui/clock';
import { Meter, percent } from '@/ui/Meter';
import { Empty, LoadError, Note, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';
import { Ago, Duration } from '@/ui/time';
import { Attempts } from './Attempts';
import './job.css';
import { Phases } from './Phases';
import { phasesOf } from './phases';
import { Timeline } from './Timeline';
import { useHistory } from './useHistory';
import { type JobName, useJob } from './useJob';

export function JobPage() {
  useParams(); // draws again when the address changes
  const { source, id } = jobInPath(location.pathname.slice(ROOT_PATH.length));
  // A new component per job: nothing of the last one may linger.
  return <OneJob key={`${source}/${id}`} source={source} id={id} />;
}

function OneJob(name: JobName) {
  const { data, error, refetch } = useJob(name);
  useTitle(data === undefined ? `Job ${shortId(name.id)}` : `${brief(kindOf(data.job))} ${shortId(name.id)}`);
  if (data === undefined) {
    return (
      <div className="job">
        <Back />
        <h1 className="sr-only">Job {brief(name.id)}</h1>
        {error === null ? (
          <Skeleton lines={8} height={26} />
        ) : (
          <NoJob name={name} error={error} retry={() => void refetch()} />
        )}
      </div>
    );
  }
  return <Shown job={data.job} name={name} deleted={data.deleted} />;
}

function Back() {
  const { address, word } = cameFrom();
  return (
    <Link href={address} className="job-back">
      <ArrowLeft aria-hidden="true" /> {word}
    </Link>
  );
}

function NoJob({ name, error, retry }: { name: JobName; error: Error; retry: () => void }) {
  const past = useMoment() !== null;
  if (!(error instanceof Problem && (error.status === 404 || error.status === 400))) {
    return <LoadError error={error} retry={retry} />;
  }
  return (
    <div className="panel">
      <Empty
        title={`No job ${brief(name.id)} in ${brief(name.source)}${past ? ' then' : ''}`}
        icon={<SearchX aria-hidden="true" />}
      >
        {past || error.code !== 'job_not_found'
          ? error.message
          : 'It was deleted, or never existed. If it is created while you wait, it appears here.'}
      </Empty>
    </div>
  );
}

function Shown({ job, name, deleted }: { job: Job; name: JobName; deleted: boolean }) {
  const history = useHistory(name);
  const [, navigate] = useLocation();
  const expected = useExpectedStatus()(job);
  const byTime = useFromNow((now) => statusAt(job, now));
  // An action under way is newer than the clock.
  const status = expected === job.status ? byTime : expected;
  const running = job.status === 'in_progress';
  const phases = phasesOf(job.phases);
  const past = useMoment() !== null;
  return (
    <div className="job">
      <Back />
      <header className="job-head">
        <h1 title={`${kindOf(job)} ${job.id}`}>
          {brief(kindOf(job))} <span className="mono muted job-id">{brief(job.id)}</span>
        </h1>
        <StatusBadge status={status ?? job.status} />
        {!deleted && (
          <JobActions job={{ ...job, status: byTime }} onDeleted={() => navigate(cameFrom().address)} />
        )}
      </header>
      {deleted && (
        <Note tone="amber" live>
          {status === 'completed' || status === 'failed' || status === 'cancelled'
            ? 'This job has ended, and its row is gone. What it looked like last is shown below.'
            : 'This job was deleted. What it looked like last is shown below.'}
        </Note>
      )}
      {(running || job.status === 'paused') && job.progress !== null && (
        <div className="job-progress">
          <Meter value={job.progress} label="Progress" tone="blue" />
          <span className="num">{percent(job.progress)} %</span>
          <span className="muted truncate" title={job.phase ?? undefined}>
            {job.phase}
          </span>
        </div>
      )}
      <div className="job-columns">
        <div className="job-first">
          {job.error && (
            <Panel title="Error" flush actions={<CopyButton label="error" text={() => job.error ?? ''} />}>
              <pre className="job-error" role="region" aria-label="Error text" tabIndex={0}>
                {job.error}
              </pre>
            </Panel>
          )}
          {phases.length > 0 && <Phases phases={phases} />}
        </div>
        <div className="job-side">
          <Facts job={job} />
          <Attempts job={job} history={history} />
        </div>
        <div className="job-rest">
          <JsonPanel title="Payload" value={job.payload} />
          <JsonPanel title="Result" value={job.result} />
          {past && (job.omitted ?? []).length > 0 && (
            <Note tone="grey">
              Too large for the log, or nested too deep, and so not known for the past:{' '}
              {(job.omitted ?? []).join(' and ')}.
            </Note>
          )}
          <Timeline job={name} history={history} />
        </div>
      </div>
    </div>
  );
}

function JsonPanel({ title, value }: { title: string; value: Json }) {
  if (value === null) return null;
  return (
    <Panel
      title={title}
      flush
      actions={<CopyButton label={title.toLowerCase()} text={() => writeJson(value, 2)} />}
    >
      <JsonView value={value} label={`${title} as JSON`} />
    </Panel>
  );
}

interface SharedProps {
  field: 'queue' | 'kind' | 'worker';
  value: string | null;
  className?: string;
}

/** What other jobs may have too, as the way to them. */
function Shared({ field, value, className = '' }: SharedProps) {
  if (value === null) return '–';
  return (
    <Link href={queuePath({ ...EVERYTHING, [field]: [value] })} className={`job-link ${className}`}>
      {value || `no ${field}`}
    </Link>
  );
}

function Facts({ job }: { job: Job }) {
  // One that was inserted as started counts none, and is in its first all the same.
  const attempt = job.attempt === 0 && job.started_at !== null ? 1 : job.attempt;
  const took = job.started_at !== null && (job.finished_at !== null || job.status === 'in_progress');
  return (
    <Panel title="Facts" flush>
      <dl className="facts job-facts">
        <Fact name="Id">
          <span className="job-whole-id">
            <span className="mono">{job.id}</span>
            <CopyButton label="id" text={() => String(job.id)} />
          </span>
        </Fact>
        <Fact name="Queue">
          <Shared field="queue" value={job.queue} />
        </Fact>
        <Fact name="Kind">
          <Shared field="kind" value={job.kind || null} />
        </Fact>
        <Fact name="Worker">
          <Shared field="worker" value={job.worker || null} className="mono" />
        </Fact>
        <Fact name="Priority">{job.priority ?? '–'}</Fact>
        <Fact name="Attempt">
          {job.max_attempts === null ? (attempt ?? '–') : `${attempt ?? 0} of ${job.max_attempts}`}
        </Fact>
        <Fact name="Created">
          <Ago iso={job.created_at} />
        </Fact>
        {job.scheduled_at !== null && (
          <Fact name="Scheduled">
            <Ago iso={job.scheduled_at} />
          </Fact>
        )}
        <Fact name="Started">
          <Ago iso={job.started_at} />
        </Fact>
        <Fact name="Finished">
          <Ago iso={job.finished_at} />
        </Fact>
        <Fact name="Took">{took ? <Duration from={job.started_at ?? ''} to={job.finished_at} /> : '–'}</Fact>
        <Fact name="Tags">
          {(job.tags ?? []).length === 0 ? '–' : (job.tags ?? []).filter(Boolean).join(', ')}
        </Fact>
        {job.due != null && job.status === 'scheduled' && (
          <Fact name="Due">
            <Ago iso={job.due} />
          </Fact>
        )}
        {ownFields(job).map(([name, value]) => (
          <Fact key={name} name={name}>
            {brief(value)}
          </Fact>
        ))}
        <Fact name="Source">
          <Link href={queuePath({ ...EVERYTHING, source: [job.source] })} className="job-link">
            {job.source}
          </Link>
        </Fact>
      </dl>
    </Panel>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="num">{children}</dd>
    </div>
  );
}
