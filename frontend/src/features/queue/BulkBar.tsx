import { useState } from 'react';
import { ACTIONS, type Action, allows, type BulkScope } from '@/client/api';
import type { JobFilter } from '@/client/filter';
import type { Job } from '@/client/protocol';
import { useBoard } from '@/client/react/board';
import { ACTION_LOOKS, useAct } from '@/parts/jobActions';
import { Button } from '@/ui/Button';
import { toast } from '@/ui/toasts';
import { BulkDialog } from './BulkDialog';

/** What can be done with the selected jobs, or with all that match. */
export function BulkBar({
  jobs,
  filter,
  onClear,
}: {
  jobs: readonly Job[];
  filter: JobFilter;
  onClear: () => void;
}) {
  const act = useAct();
  const [asked, setAsked] = useState<{ action: Action; scope: BulkScope } | null>(null);
  const { feed } = useBoard();
  const run = async (action: Action) => {
    const fitting = jobs.filter((job) => allows(action, job.status));
    if (fitting.length > 20 || action === 'delete') {
      setAsked({ action, scope: { jobs: fitting } });
      return;
    }
    const done = await Promise.all(fitting.map((job) => act(job, action)));
    const count = done.filter(Boolean).length;
    if (count > 0)
      toast({
        tone: 'accent',
        title: `${count} ${count === 1 ? 'job' : 'jobs'} ${ACTION_LOOKS[action].done}`,
      });
    onClear();
  };
  return (
    <div className="bulk" role="toolbar" aria-label="Actions">
      <span className="bulk-count num">
        {jobs.length > 0 ? `${jobs.length.toLocaleString()} selected` : 'All that match'}
      </span>
      {ACTIONS.map((action) => {
        const { word, Icon } = ACTION_LOOKS[action];
        const fits = jobs.length === 0 || jobs.some((job) => allows(action, job.status));
        return (
          <Button
            key={action}
            look={action === 'delete' ? 'danger' : 'plain'}
            disabled={!fits}
            onClick={() => (jobs.length === 0 ? setAsked({ action, scope: { filter } }) : void run(action))}
          >
            <Icon aria-hidden="true" />
            {word}
          </Button>
        );
      })}
      {jobs.length > 0 && (
        <Button look="quiet" onClick={onClear}>
          Clear selection
        </Button>
      )}
      {asked !== null && (
        <BulkDialog
          {...asked}
          onClose={(done) => {
            setAsked(null);
            if (!done) return;
            onClear();
            feed.wake();
          }}
        />
      )}
    </div>
  );
}
