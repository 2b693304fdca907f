import { History as HistoryIcon } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { HistoryEntry } from '@/client/api';
import { atMoment } from '@/client/moment';
import type { Json } from '@/client/protocol';
import { EVENT_LOOKS } from '@/parts/eventLooks';
import { JsonView } from '@/parts/JsonView';
import { jobPath } from '@/parts/links';
import { Button } from '@/ui/Button';
import { Empty, LoadError, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';
import { ClockTime } from '@/ui/time';
import { phaseChanges, told } from './changes';
import type { History } from './useHistory';
import type { JobName } from './useJob';

/** Of what an event changed, before somebody asks for more. */
const SHOWN = 4;

/** The job's events, newest first, each with what it changed. */
export function Timeline({ job, history }: { job: JobName; history: History }) {
  const { entries, loading, error, more, loadMore } = history;
  return (
    <Panel title="Timeline" flush>
      {loading && (
        <div className="panel-body">
          <Skeleton lines={4} />
        </div>
      )}
      {error !== null && (
        <div className="panel-body">
          <LoadError error={error} retry={() => void loadMore()} />
        </div>
      )}
      {!loading && error === null && entries.length === 0 && (
        <Empty title="Nothing to tell" icon={<HistoryIcon aria-hidden="true" />}>
          This job has not changed since the log begins, or since its table was attached.
        </Empty>
      )}
      {entries.length > 0 && (
        <ol className="timeline">
          {entries.map((entry) => (
            <Entry key={entry.version} job={job} entry={entry} />
          ))}
        </ol>
      )}
      {more && (
        <div className="timeline-more">
          <Button onClick={() => void loadMore()}>Earlier events</Button>
        </div>
      )}
    </Panel>
  );
}

function Entry({ job, entry }: { job: JobName; entry: HistoryEntry }) {
  const { word, tone, Icon } = EVENT_LOOKS[entry.type];
  const [open, setOpen] = useState(false);
  const changed = Object.entries(entry.changed ?? {}).filter(([field]) => field !== 'version');
  const listed = entry.type !== 'job_created';
  return (
    <li className={`moment tone-${tone}`} data-event={entry.type}>
      <span className="moment-mark">
        <Icon aria-hidden="true" />
      </span>
      <div className="moment-head">
        <strong>{word}</strong>
        {!listed && changed.length > 0 && (
          <span className="muted truncate">{changed.map(([field]) => field).join(', ')}</span>
        )}
        <span className="moment-at muted">
          <ClockTime iso={entry.at} />
        </span>
        {entry.cursor !== null && entry.type !== 'job_deleted' && (
          <Link
            className="button button-quiet button-icon"
            href={atMoment(jobPath(job), entry.cursor)}
            aria-label={`As it stood then: ${word}, ${entry.cursor}`}
            title="As it stood then"
          >
            <HistoryIcon aria-hidden="true" />
          </Link>
        )}
        <Button look="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Less' : 'More'}
        </Button>
      </div>
      {listed && changed.length > 0 && (
        <dl className="changes">
          {changed.slice(0, open ? undefined : SHOWN).map(([field, [from, to]]) => (
            <div key={field}>
              <dt>{field}</dt>
              <dd>
                <Values field={field} from={from} to={to} />
              </dd>
            </div>
          ))}
          {!open && changed.length > SHOWN && (
            <div>
              <dt>and</dt>
              <dd className="changes-more">
                {changed
                  .slice(SHOWN)
                  .map(([field]) => field)
                  .join(', ')}
              </dd>
            </div>
          )}
        </dl>
      )}
      {open && <JsonView value={asJson(entry)} label={`Event ${entry.cursor ?? entry.version}`} />}
    </li>
  );
}

function Values({ field, from, to }: { field: string; from: Json; to: Json }) {
  if (field === 'phases') return <>{phaseChanges(from, to)}</>;
  const old = told(field, from);
  return (
    <>
      {old !== '–' && <span className="changes-old">{old}</span>}
      <span aria-hidden="true">{old === '–' ? '' : ' → '}</span>
      <span className="sr-only"> became </span>
      <span className="changes-new">{told(field, to)}</span>
    </>
  );
}

function asJson(entry: HistoryEntry): Json {
  return {
    type: entry.type,
    cursor: entry.cursor,
    at: entry.at,
    version: entry.version,
    job: { ...entry.job } as unknown as Json,
  };
}
