import { CirclePause, CirclePlay, RotateCcw, Square, Trash2 } from 'lucide-react';
import { type ComponentType, useCallback, useRef, useState, useSyncExternalStore } from 'react';
import { expectedStatus } from '@/client/actions';
import { type Action, allows } from '@/client/api';
import type { Job, Status } from '@/client/protocol';
import { useBoard } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { useHotkeys } from '@/ui/hotkeys';
import { toast } from '@/ui/toasts';
import { shortId } from './JobId';
import { useReadOnly } from './readOnly';
import { useOffered } from './sources';

interface Look {
  readonly word: string;
  readonly done: string;
  readonly Icon: ComponentType<{ 'aria-hidden': 'true' }>;
}

export const ACTION_LOOKS: Readonly<Record<Action, Look>> = {
  retry: { word: 'Retry', done: 'retried', Icon: RotateCcw },
  cancel: { word: 'Cancel', done: 'cancelled', Icon: Square },
  pause: { word: 'Pause', done: 'paused', Icon: CirclePause },
  resume: { word: 'Resume', done: 'resumed', Icon: CirclePlay },
  delete: { word: 'Delete', done: 'deleted', Icon: Trash2 },
};

/** Runs an action: shown at once, taken back with the server's reason when it refuses. */
export function useAct(): (job: Job, action: Action) => Promise<boolean> {
  const { actions } = useBoard();
  return useCallback(
    async (job, action) => {
      try {
        await actions.run(job, action);
        return true;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        toast({ tone: 'red', title: `Job ${shortId(job.id)} was not ${ACTION_LOOKS[action].done}`, text });
        return false;
      }
    },
    [actions],
  );
}

/** The job's status, or the one that an action under way will give it; null where it will be gone. In the past none is. */
export function useExpectedStatus(): (job: Job) => Status | null {
  const { actions } = useBoard();
  const expected = useSyncExternalStore(actions.subscribe, actions.view);
  const past = useMoment() !== null;
  return useCallback((job: Job) => (past ? job.status : expectedStatus(expected, job)), [expected, past]);
}

export function JobActions({ job, onDeleted }: { job: Job; onDeleted?: () => void }) {
  const readOnly = useReadOnly();
  const act = useAct();
  const offered = useOffered()(job.source);
  const status = useExpectedStatus()(job);
  const [asking, setAsking] = useState(false);
  const group = useRef<HTMLDivElement>(null);
  const possible = readOnly || status === null ? [] : offered.filter((action) => allows(action, status));
  const run = async (action: Action) => {
    const done = await act(job, action);
    if (done && action === 'delete') onDeleted?.();
  };
  const press = (action: Action) => {
    if (action === 'delete' && !asking) return setAsking(true);
    setAsking(false);
    // The button goes with what it did. On the next one the focus would make a second press another action.
    group.current?.focus();
    void run(action);
  };
  const pressKey = (action: Action) => possible.includes(action) && press(action);
  useHotkeys({
    r: () => pressKey('retry'),
    c: () => pressKey('cancel'),
    p: () => pressKey('pause'),
  });
  if (readOnly || status === null) return null;
  return (
    <div ref={group} className="job-actions" role="group" aria-label="Actions" tabIndex={-1}>
      {possible.map((action) => {
        const { word, Icon } = ACTION_LOOKS[action];
        return (
          <Button key={action} look={action === 'delete' ? 'danger' : 'plain'} onClick={() => press(action)}>
            <Icon aria-hidden="true" />
            {word}
          </Button>
        );
      })}
      {asking && (
        <Dialog title={`Delete job ${shortId(job.id)}`} onClose={() => setAsking(false)}>
          <p>Its row will be deleted. This cannot be undone.</p>
          <div className="dialog-foot">
            <Button data-first="" onClick={() => setAsking(false)}>
              Keep it
            </Button>
            <Button look="danger" onClick={() => press('delete')}>
              Delete
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
