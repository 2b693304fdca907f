import { useRef } from 'react';
import { Link } from 'wouter';
import type { JobEvent } from '@/client/protocol';
import { useBatches } from '@/client/react/board';
import { jobPath } from '@/parts/links';
import { toast } from '@/ui/toasts';

const TOGETHER_MS = 2_000;

/** Says what completed and what failed. What comes close together is said together. */
export function useJobToasts(): void {
  const gathered = useRef<JobEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useBatches(({ events }) => {
    for (const event of events) {
      if (event.type === 'job_completed' || event.type === 'job_failed') gathered.current.push(event);
    }
    if (gathered.current.length === 0 || timer.current !== undefined) return;
    say(gathered.current.splice(0));
    timer.current = setTimeout(() => {
      timer.current = undefined;
      say(gathered.current.splice(0));
    }, TOGETHER_MS);
  });
}

function say(events: readonly JobEvent[]): void {
  const failed = events.filter(({ type }) => type === 'job_failed');
  const completed = events.filter(({ type }) => type === 'job_completed');
  const [firstFailed] = failed;
  if (failed.length > 1) toast({ tone: 'red', title: `${failed.length.toLocaleString()} jobs failed` });
  else if (firstFailed !== undefined) {
    toast({
      tone: 'red',
      title: <Named event={firstFailed} word="failed" />,
      ...(firstFailed.job.error !== null && { text: firstFailed.job.error.slice(0, 200) }),
    });
  }
  const [firstCompleted] = completed;
  if (completed.length > 1)
    toast({ tone: 'green', title: `${completed.length.toLocaleString()} jobs completed` });
  else if (firstCompleted !== undefined)
    toast({ tone: 'green', title: <Named event={firstCompleted} word="completed" /> });
}

function Named({ event: { job }, word }: { event: JobEvent; word: string }) {
  return (
    <>
      <Link href={jobPath(job)}>
        {job.kind} {job.id}
      </Link>{' '}
      {word}
    </>
  );
}
