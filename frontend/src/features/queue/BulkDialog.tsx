import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { Action } from '@/client/api';
import { type BulkScope, type Counted, countBulk, type Looked, reached, runBulk } from '@/client/bulk';
import { useBoard } from '@/client/react/board';
import { ACTION_LOOKS } from '@/parts/jobActions';
import { STATUS_LOOKS } from '@/parts/status';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Meter } from '@/ui/Meter';
import { LoadError, Skeleton } from '@/ui/notices';
import { toast } from '@/ui/toasts';

/** Says how many jobs an action would change before it changes them. To close it, or to leave the page, stops it. */
export function BulkDialog({
  action,
  scope,
  onDone,
  onClose,
}: {
  action: Action;
  scope: BulkScope;
  /** The dialog is to go; `whole` says that all that were counted have been changed. */
  onDone: (whole: boolean) => void;
  onClose: () => void;
}) {
  const { api } = useBoard();
  const { word, done } = ACTION_LOOKS[action];
  const [progress, setProgress] = useState(0);
  const [looked, setLooked] = useState<Looked | null>(null);
  const looking = useRef<AbortController>(null);
  const count = useQuery({
    queryKey: ['bulk', action, scope],
    queryFn: ({ signal }) => {
      const enough = new AbortController();
      looking.current = enough;
      return countBulk(api, action, scope, setLooked, { enough: enough.signal, signal });
    },
    gcTime: 0,
    // What a person has been told is not counted anew under their hands, whatever the connection does.
    staleTime: 'static',
  });
  const counted = count.data?.jobs ?? 0;
  const without = count.data?.without ?? [];
  // Of a filter, more than were counted are reached; of jobs that were found one by one, only these.
  const further = count.data?.more === true;
  const open = further && count.data !== undefined && 'filter' in count.data.scope;
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  const run = useMutation({
    mutationFn: async (all: Counted) => {
      const stop = new AbortController();
      running.current = stop;
      setProgress(0);
      const outcome = await runBulk(api, action, all, setProgress, stop.signal);
      return { ...outcome, stopped: stop.signal.aborted };
    },
    onSuccess: ({ jobs, refused, stopped }) => {
      const text = [
        stopped && (jobs < counted || further) && 'Stopped: the others stay as they are.',
        jobs > counted &&
          !further &&
          `${(jobs - counted).toLocaleString()} of them came to match since they were counted.`,
        refused > 0 && `${refused.toLocaleString()} were refused by their queue.`,
      ].filter((part) => typeof part === 'string');
      toast({
        tone: refused > 0 ? 'red' : 'accent',
        title: `${jobs.toLocaleString()} ${jobs === 1 ? 'job' : 'jobs'} ${done}`,
        ...(text.length > 0 && { text: text.join(' ') }),
      });
      if (!stopped) onDone(jobs >= counted);
    },
    onError: ({ message }) => {
      // Said in the dialog, unless that was closed meanwhile.
      if (running.current?.signal.aborted)
        toast({ tone: 'red', title: `Not all jobs were ${done}`, text: message });
    },
  });
  const label =
    count.data === undefined ? word : `${word} ${counted.toLocaleString()}${open ? ' or more' : ''}`;
  const start = () => count.data !== undefined && run.mutate(count.data);
  return (
    <Dialog title={`${word} ${'filter' in scope ? 'all that match' : 'selected jobs'}`} onClose={onClose}>
      {count.isPending && looked === null && <Skeleton lines={1} />}
      {count.isPending && looked !== null && (
        <p>
          <b className="num">{looked.found.toLocaleString()}</b> found so far, in{' '}
          <span className="num">{looked.jobs.toLocaleString()}</span> jobs that were looked through …
        </p>
      )}
      {count.error !== null && <LoadError error={count.error} retry={() => void count.refetch()} />}
      {count.data !== undefined && (
        <p data-dry-run={counted}>
          {open && 'At least '}
          <b className="num">{counted.toLocaleString()}</b> {counted === 1 ? 'job' : 'jobs'} will be {done}
          {open && ': all that match, also those beyond this number'}
          {further && !open && ': those found so far. What was not looked at stays as it is'}.{' '}
          <Reach action={action} scope={scope} />
          {action === 'delete' && ' This cannot be undone.'}
        </p>
      )}
      {without.length > 0 && (
        <p className="muted">
          {without.join(', ')} cannot do this: {without.length === 1 ? 'its' : 'their'} jobs stay as they are.
        </p>
      )}
      {run.error !== null && progress > 0 && (
        <p>
          <b className="num">{progress.toLocaleString()}</b> were {done} before this:
        </p>
      )}
      {run.error !== null && <LoadError error={run.error} retry={start} />}
      {run.isPending && progress > 0 && (
        <Meter
          value={Math.min(1, progress / counted)}
          label={`${progress.toLocaleString()}${open ? '' : ` of ${counted.toLocaleString()}`} ${done}`}
        />
      )}
      <div className="dialog-foot">
        <Button data-first="" onClick={onClose}>
          {run.isPending ? 'Stop' : 'Keep them'}
        </Button>
        {count.isPending && looked !== null && (
          <Button onClick={() => looking.current?.abort()}>Look no further</Button>
        )}
        <Button look="primary" disabled={counted === 0 || run.isPending} onClick={start}>
          {run.isPending ? 'Working …' : label}
        </Button>
      </div>
    </Dialog>
  );
}

const either = new Intl.ListFormat('en-GB', { type: 'disjunction' });

/** Which jobs are meant: who retries all may think of those that failed, and what has completed would be done twice. */
function Reach({ action, scope }: { action: Action; scope: BulkScope }) {
  const statuses = 'filter' in scope ? reached(action, scope.filter) : [];
  if (statuses.length === 0) return 'Jobs that stand where this is not possible stay as they are.';
  return (
    <>
      They are {either.format(statuses.map((status) => STATUS_LOOKS[status].word.toLowerCase()))}; the others
      stay as they are.
      {action === 'retry' && statuses.includes('completed') && <b> What has completed is done once more.</b>}
    </>
  );
}
