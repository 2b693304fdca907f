import { useMutation, useQuery } from '@tanstack/react-query';
import type { Action, BulkScope } from '@/client/api';
import { useBoard } from '@/client/react/board';
import { ACTION_LOOKS } from '@/parts/jobActions';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
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
  const count = useQuery({
    queryKey: ['bulk', action, scope],
    queryFn: () => api.bulk(action, scope, true),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const run = useMutation({
    mutationFn: () => api.bulk(action, scope, false),
    onSuccess: ({ changed }) => {
      toast({
        tone: 'accent',
        title: `${changed.toLocaleString()} ${changed === 1 ? 'job' : 'jobs'} ${done}`,
      });
      onClose(true);
    },
  });
  const fits = count.data?.matched ?? 0;
  const more = count.data?.more === true;
  return (
    <Dialog
      title={`${word} ${'filter' in scope ? 'all that match' : 'selected jobs'}`}
      onClose={() => onClose(false)}
    >
      {count.isPending && <Skeleton lines={1} />}
      {count.error !== null && <LoadError error={count.error} retry={() => void count.refetch()} />}
      {count.data !== undefined && (
        <p data-dry-run={fits}>
          <b className="num">
            {fits.toLocaleString()}
            {more && '+'}
          </b>{' '}
          {fits === 1 ? 'job' : 'jobs'} will be {done}. Jobs that stand where this is not possible stay as
          they are.
          {more && ' There are more than one call reaches: repeat it for the rest.'}
          {action === 'delete' && ' This cannot be undone.'}
        </p>
      )}
      {run.error !== null && <LoadError error={run.error} retry={() => run.mutate()} />}
      <div className="dialog-foot">
        <Button onClick={() => onClose(false)}>Keep them</Button>
        <Button look="primary" disabled={fits === 0 || run.isPending} onClick={() => run.mutate()}>
          {run.isPending ? 'Working …' : `${word} ${fits.toLocaleString()}`}
        </Button>
      </div>
    </Dialog>
  );
}
