import { Bell, BellOff } from 'lucide-react';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Link } from 'wouter';
import { headline } from '@/client/headline';
import type { JobEvent } from '@/client/protocol';
import { useBatches } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { kindOf, shortId } from '@/parts/JobId';
import { jobPath } from '@/parts/links';
import { Button } from '@/ui/Button';
import { toast } from '@/ui/toasts';
import { Bundle } from './bundle';

const KEY = 'tailboard.muted';
const listeners = new Set<() => void>();

function muted(): boolean {
  return localStorage.getItem(KEY) === 'yes';
}

function mute(quiet: boolean): void {
  localStorage.setItem(KEY, quiet ? 'yes' : 'no');
  for (const listener of listeners) listener();
}

/** Whether jobs that end are told in passing: kept for the next visit. */
export function MuteButton() {
  const quiet = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, muted);
  const Icon = quiet ? BellOff : Bell;
  return (
    <Button
      icon
      aria-pressed={quiet}
      aria-label="Mute notifications of jobs"
      title={
        quiet
          ? 'What completes and what fails is not told'
          : 'What completes and what fails is told in passing'
      }
      onClick={() => mute(!quiet)}
    >
      <Icon aria-hidden="true" />
    </Button>
  );
}

/** Says what completed and what failed, unless that is muted. */
export function useJobToasts(): void {
  const [bundles] = useState(() => ({ job_failed: new Bundle(), job_completed: new Bundle() }));
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const past = useMoment() !== null;
  const say = () => {
    clearTimeout(timer.current);
    const now = performance.now();
    for (const bundle of Object.values(bundles)) {
      const told = bundle.take(now);
      if (told !== null && !muted()) announce(told.last, told.others);
    }
    const dues = Object.values(bundles).flatMap((bundle) => bundle.due() ?? []);
    if (dues.length > 0) timer.current = setTimeout(say, Math.min(...dues) - now);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useBatches(({ events }) => {
    if (past || muted()) return;
    for (const event of events)
      if (event.type === 'job_completed' || event.type === 'job_failed') bundles[event.type].add(event);
    say();
  });
}

function announce({ type, job }: JobEvent, others: number): void {
  const failed = type === 'job_failed';
  const word = failed ? 'failed' : 'completed';
  toast({
    key: word,
    tone: failed ? 'red' : 'green',
    title: (
      <>
        <Link href={jobPath(job)}>
          {kindOf(job)} {shortId(job.id)}
        </Link>{' '}
        {others === 0 ? word : `and ${others.toLocaleString()} more ${word}`}
      </>
    ),
    ...(failed && job.error !== null && { text: headline(job.error).slice(0, 200) }),
    action: { word: 'Mute', run: () => mute(true) },
  });
}
