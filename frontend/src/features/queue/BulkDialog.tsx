import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Action, BulkScope } from '@/client/api';
import { useBoard } from '@/client/react/board';
import { ACTION_LOOKS } from '@/parts/jobActions';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Meter } from '@/ui/Meter';
import { LoadError, Skeleton } from '@/ui/notices';
import { toast } from '@/ui/toasts';

/** Says how many jobs an action would change before it changes them. */
export function BulkDialog({
  action,
  scope,
  onClose,
}: {
  action: Action;
  scope: BulkScope;
  onClose: (done: boolean) => void;
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
  const run = useMutation({
    mutationFn: () => api.runBulk(action, scope, counted, setProgress),
    onSuccess: ({ jobs, refused }) => {
      toast({
        tone: refused > 0 ? 'red' : 'accent',
        title: `${jobs.toLocaleString()} ${jobs === 1 ? 'job' : 'jobs'} ${done}`,
        ...(refused > 0 && { text: `${refused.toLocaleString()} were refused by their queue.` }),
      });
      onClose(true);
    },
  });
  return (
    <Dialog
      title={`${word} ${'filter' in scope ? 'all that match' : 'selected jobs'}`}
      onClose={() => onClose(false)}
    >
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
      {run.error !== null && <LoadError error={run.error} retry={() => run.mutate()} />}
      {run.isPending && progress > 0 && (
        <Meter
          value={progress / counted}
          label={`${progress.toLocaleString()} of ${counted.toLocaleString()} ${done}`}
        />
      )}
      <div className="dialog-foot">
        <Button data-first="" onClick={() => onClose(false)}>
          Keep them
        </Button>
        <Button look="primary" disabled={counted === 0 || run.isPending} onClick={() => run.mutate()}>
          {run.isPending ? 'Working …' : `${word} ${counted.toLocaleString()}`}
        </Button>
      </div>
    </Dialog>
  );
}
