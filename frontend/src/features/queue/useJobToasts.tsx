import { useRef, useState } from 'react';
import { Link } from 'wouter';
import type { JobEvent } from '@/client/protocol';
import { useBatches } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { kindOf, shortId } from '@/parts/JobId';
import { jobPath } from '@/parts/links';
import { SHOWN_MS, toast } from '@/ui/toasts';

const TOGETHER_MS = 2_000;

/** Says what completed and what failed, each in one toast that counts on while it is shown: a busy board stays calm. */
export function useJobToasts(): void {
  const gathered = useRef<JobEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [said] = useState(() => ({ completed: new Tally(), failed: new Tally() }));
  const past = useMoment() !== null;
  useBatches(({ events }) => {
    if (past) return;
    for (const event of events) {
      if (event.type === 'job_completed' || event.type === 'job_failed') gathered.current.push(event);
    }
    if (gathered.current.length === 0 || timer.current !== undefined) return;
    const say = () => {
      const now = gathered.current.splice(0);
      announce(
        now.filter(({ type }) => type === 'job_failed'),
        'failed',
        said.failed,
      );
      announce(
        now.filter(({ type }) => type === 'job_completed'),
        'completed',
        said.completed,
      );
    };
    say();
    timer.current = setTimeout(() => {
      timer.current = undefined;
      say();
    }, TOGETHER_MS);
  });
}

/** How many jobs a toast that may still be shown speaks of. */
class Tally {
  #count = 0;
  #until = 0;

  add(count: number): number {
    const now = performance.now();
    this.#count = now < this.#until ? this.#count + count : count;
    this.#until = now + SHOWN_MS;
    return this.#count;
  }
}

function announce(events: readonly JobEvent[], word: 'completed' | 'failed', tally: Tally): void {
  const last = events.at(-1);
  if (last === undefined) return;
  const others = tally.add(events.length) - 1;
  toast({
    key: word,
    tone: word === 'failed' ? 'red' : 'green',
    title: <Named event={last} word={others === 0 ? word : `and ${others.toLocaleString()} more ${word}`} />,
    ...(word === 'failed' && last.job.error !== null && { text: last.job.error.slice(0, 200) }),
  });
}

function Named({ event: { job }, word }: { event: JobEvent; word: string }) {
  return (
    <>
      <Link href={jobPath(job)}>
        {kindOf(job)} {shortId(job.id)}
      </Link>{' '}
      {word}
    </>
  );
}
