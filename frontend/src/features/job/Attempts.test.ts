import { expect, test } from 'vitest';
import type { HistoryEntry } from '@/client/api';
import type { Job, Status } from '@/client/protocol';
import { job } from '@/client/scripted';
import { attempts } from './Attempts';

const at = (minute: number) => `2026-11-24T12:${String(minute).padStart(2, '0')}:00Z`;

function entry(minute: number, type: HistoryEntry['type'], from: Status, to: Status, about: Partial<Job>) {
  return { type, at: at(minute), change: { from, to }, job: job(1, minute, about) } as HistoryEntry;
}

const started = (minute: number, attempt: number) =>
  entry(minute, 'job_started', 'pending', 'in_progress', { attempt });
const progress = (minute: number) => entry(minute, 'job_updated', 'in_progress', 'in_progress', {});

test('each start is an attempt, and ends as the job left it', () => {
  const entries = [
    entry(4, 'job_completed', 'in_progress', 'completed', { attempt: 2 }),
    started(3, 2),
    entry(2, 'job_updated', 'in_progress', 'pending', { attempt: 1, error: 'no' }),
    progress(1),
    started(0, 1),
  ];
  const now = job(1, 4, { attempt: 2, status: 'completed', started_at: at(3), finished_at: at(4) });
  expect(attempts(entries, now)).toEqual([
    { number: 2, startedAt: at(3), endedAt: at(4), outcome: 'completed' },
    { number: 1, startedAt: at(0), endedAt: at(2), outcome: 'failed' },
  ]);
});

test('a job that waits again has failed only where it says why', () => {
  const again = (error: string | null) => [
    entry(2, 'job_updated', 'in_progress', 'pending', { attempt: 1, error }),
    started(0, 1),
  ];
  const outcome = (error: string | null) => attempts(again(error), job(1, 2, { attempt: 1 })).at(0)?.outcome;
  expect(outcome('no')).toBe('failed');
  expect(outcome(null)).toBe('pending');
  expect(outcome('')).toBe('pending'); // a table whose errors are never null
});

test('a start that is further back than the loaded history is known by the job', () => {
  const now = job(1, 9, { attempt: 2, status: 'in_progress', started_at: at(3) });
  expect(attempts([progress(9), progress(8)], now)).toEqual([
    { number: 2, startedAt: at(3), endedAt: null, outcome: 'in_progress' },
  ]);
  const ended = [entry(9, 'job_completed', 'in_progress', 'completed', { attempt: 2 }), progress(8)];
  const then = { ...now, status: 'completed', finished_at: at(9) } as const;
  expect(attempts(ended, then)).toEqual([
    { number: 2, startedAt: at(3), endedAt: at(9), outcome: 'completed' },
  ]);
});

test('a job that was never started has none', () => {
  expect(attempts([], job(1, 1))).toEqual([]);
});
