import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { Action, BulkScope } from '@/client/api';
import { useBoard } from '@/client/react/board';
import { ACTION_LOOKS } from '@/parts/jobActions';
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
  /** All of it was done; the dialog is to go. */
  onDone: () => void;
  onClose: () => void;
}) {
  const { api } = useBoard();
  const { word, done } = ACTION_LOOKS[action];
  const [progress, setProgress] = useState(0);
  const count = useQuery({
    queryKey: ['bulk', action, scope],
    queryFn: () => api.countBulk(action, scope),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const counted = count.data?.jobs ?? 0;
  const without = count.data?.without ?? [];
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  const run = useMutation({
    mutationFn: async () => {
      const stop = new AbortController();
      running.current = stop;
      setProgress(0);
      const outcome = await api.runBulk(action, scope, counted, setProgress, stop.signal);
      return { ...outcome, stopped: stop.signal.aborted };
    },
    onSuccess: ({ jobs, refused, stopped }) => {
      const text = [
        stopped && jobs < counted && 'Stopped: the others stay as they are.',
        refused > 0 && `${refused.toLocaleString()} were refused by their queue.`,
      ].filter((part) => part !== false);
      toast({
        tone: refused > 0 ? 'red' : 'accent',
        title: `${jobs.toLocaleString()} ${jobs === 1 ? 'job' : 'jobs'} ${done}`,
        ...(text.length > 0 && { text: text.join(' ') }),
      });
      if (!stopped) onDone();
    },
    onError: ({ message }) => {
      // Said in the dialog, unless that was closed meanwhile.
      if (running.current?.signal.aborted)
        toast({ tone: 'red', title: `Not all jobs were ${done}`, text: message });
    },
  });
  return (
    <Dialog title={`${word} ${'filter' in scope ? 'all that match' : 'selected jobs'}`} onClose={onClose}>
      {count.isPending && <Skeleton lines={1} />}
      {count.error !== null && <LoadError error={count.error} retry={() => void count.refetch()} />}
      {count.data !== undefined && (
        <p data-dry-run={counted}>
          <b className="num">{counted.toLocaleString()}</b> {counted === 1 ? 'job' : 'jobs'} will be {done}.
          Jobs that stand where this is not possible stay as they are.
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
      {run.error !== null && <LoadError error={run.error} retry={() => run.mutate()} />}
      {run.isPending && progress > 0 && (
        <Meter
          value={progress / counted}
          label={`${progress.toLocaleString()} of ${counted.toLocaleString()} ${done}`}
        />
      )}
      <div className="dialog-foot">
        <Button data-first="" onClick={onClose}>
          {run.isPending ? 'Stop' : 'Keep them'}
        </Button>
        <Button look="primary" disabled={counted === 0 || run.isPending} onClick={() => run.mutate()}>
          {run.isPending ? 'Working …' : `${word} ${counted.toLocaleString()}`}
        </Button>
      </div>
    </Dialog>
  );
}
