import { type KeyboardEvent, type RefObject, useState } from 'react';
import { type Action, allows } from '@/client/api';
import type { BulkScope } from '@/client/bulk';
import type { JobFilter } from '@/client/filter';
import { type Job, jobKey } from '@/client/protocol';
import { useBoard } from '@/client/react/board';
import { ACTION_LOOKS, useAct } from '@/parts/jobActions';
import { offeredBy, useOffered, useSources } from '@/parts/sources';
import { Button } from '@/ui/Button';
import { toast } from '@/ui/toasts';
import { BulkDialog } from './BulkDialog';

/** The arrow keys go from one button of a toolbar to the next. */
function moveAlong(event: KeyboardEvent<HTMLDivElement>): void {
  const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  const buttons = [...event.currentTarget.querySelectorAll<Element>(':scope > button:enabled')];
  const at = event.target instanceof Element ? buttons.indexOf(event.target) : -1;
  if (by === 0 || at < 0) return;
  event.preventDefault();
  const next = buttons[(at + by + buttons.length) % buttons.length];
  if (next instanceof HTMLElement) next.focus();
}

/** What can be done with the selected jobs, or with all that match. */
export function BulkBar({
  jobs,
  filter,
  onDone,
  onClear,
  bar,
}: {
  jobs: readonly Job[];
  filter: JobFilter;
  /** What was done, by key: these jobs need not stay selected. */
  onDone: (done: readonly string[]) => void;
  onClear: () => void;
  bar: RefObject<HTMLDivElement | null>;
}) {
  const act = useAct();
  const [asked, setAsked] = useState<{ action: Action; scope: BulkScope } | null>(null);
  const { feed } = useBoard();
  const sources = useSources();
  const offered = useOffered();
  const fits = (action: Action, job: Job) =>
    allows(action, job.status) && offered(job.source).includes(action);
  // What no source in question can do is not offered at all.
  const possible = offeredBy(
    sources,
    jobs.length > 0 ? [...new Set(jobs.map(({ source }) => source))] : filter.source,
  );
  const run = async (action: Action) => {
    const fitting = jobs.filter((job) => fits(action, job));
    if (fitting.length > 20 || action === 'delete') {
      setAsked({ action, scope: { jobs: fitting } });
      return;
    }
    const outcomes = await Promise.all(
      fitting.map(async (job) => ((await act(job, action)) ? [jobKey(job)] : [])),
    );
    const done = outcomes.flat();
    if (done.length > 0)
      toast({
        tone: 'accent',
        title: `${done.length} ${done.length === 1 ? 'job' : 'jobs'} ${ACTION_LOOKS[action].done}`,
      });
    onDone(done);
  };
  return (
    <div ref={bar} className="bulk" role="toolbar" aria-label="Actions" onKeyDown={moveAlong}>
      <span className="bulk-count num">
        {jobs.length > 0 ? `${jobs.length.toLocaleString()} selected` : 'All that match'}
      </span>
      {possible.length === 0 && <span className="muted">These sources are only watched.</span>}
      {possible.map((action) => {
        const { word, Icon } = ACTION_LOOKS[action];
        const some =
          jobs.length > 0
            ? jobs.some((job) => fits(action, job))
            : filter.status.length === 0 || filter.status.some((status) => allows(action, status));
        return (
          <Button
            key={action}
            look={action === 'delete' ? 'danger' : 'plain'}
            disabled={!some}
            onClick={() => (jobs.length === 0 ? setAsked({ action, scope: { filter } }) : void run(action))}
          >
            <Icon aria-hidden="true" />
            {word}
          </Button>
        );
      })}
      {jobs.length > 0 && (
        <Button look="quiet" className="bulk-clear" onClick={onClear}>
          Clear selection
        </Button>
      )}
      {asked !== null && (
        <BulkDialog
          {...asked}
          onClose={() => setAsked(null)}
          onDone={(whole) => {
            setAsked(null);
            // Which jobs were left as they are is not told, so all stay selected then.
            onDone(whole && 'jobs' in asked.scope ? asked.scope.jobs.map(jobKey) : []);
            feed.wake();
          }}
        />
      )}
    </div>
  );
}
