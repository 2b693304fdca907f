import type { HistoryEntry } from '@/client/api';
import type { Job, Status } from '@/client/protocol';
import { StatusBadge } from '@/parts/status';
import { Button } from '@/ui/Button';
import { Panel } from '@/ui/Panel';
import { Ago, Duration } from '@/ui/time';
import type { History } from './useHistory';

export interface Attempt {
  readonly number: number;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: Status;
}

/** A job that goes back to waiting with an error in hand has failed an attempt, and gets another. */
function outcome(to: Status, job: Job): Status {
  return (to === 'pending' || to === 'scheduled') && job.error ? 'failed' : to;
}

/**
 * What the history says about each time the job was started; newest first, like the history. Of one that began before the
 * loaded part of it the job itself says what it knows.
 */
export function attempts(entries: readonly HistoryEntry[], now: Job): readonly Attempt[] {
  const found: Attempt[] = [];
  for (const { type, at, change, job } of [...entries].reverse()) {
    const last = found.at(-1);
    const starts = type === 'job_started' || (type === 'job_created' && change.to === 'in_progress');
    if (starts)
      found.push({
        number: job.attempt || found.length + 1,
        startedAt: at,
        endedAt: null,
        outcome: 'in_progress',
      });
    else if (
      last !== undefined &&
      last.endedAt === null &&
      change.from === 'in_progress' &&
      change.to &&
      change.to !== 'in_progress'
    ) {
      found[found.length - 1] = { ...last, endedAt: at, outcome: outcome(change.to, job) };
    }
  }
  if (found.length === 0 && now.started_at !== null)
    found.push({
      number: now.attempt || 1,
      startedAt: now.started_at,
      endedAt: now.finished_at,
      outcome: now.status,
    });
  return found.reverse();
}

export function Attempts({ job, history }: { job: Job; history: History }) {
  const known = attempts(history.entries, job);
  const first = known.at(-1)?.number ?? 0;
  if (known.length === 0) return null;
  return (
    <Panel title={`Attempts${job.max_attempts === null ? '' : `, ${job.max_attempts} at most`}`} flush>
      <ol className="attempts">
        {known.map(({ number, startedAt, endedAt, outcome }) => (
          <li key={startedAt}>
            <b className="num">{number}</b>
            <StatusBadge status={outcome} />
            <span className="muted">
              <Duration from={startedAt} to={endedAt} />
            </span>
            <span className="muted attempts-at">
              <Ago iso={startedAt} />
            </span>
          </li>
        ))}
      </ol>
      {history.more && first > 1 && (
        <div className="attempts-more muted">
          {first === 2 ? 'Attempt 1 is' : `Attempts 1 to ${first - 1} are`} not loaded.
          <Button onClick={() => void history.loadMore()}>Earlier attempts</Button>
        </div>
      )}
    </Panel>
  );
}
