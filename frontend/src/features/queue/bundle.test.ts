import { expect, test } from 'vitest';
import { event, job } from '@/client/scripted';
import { Bundle, TOGETHER_MS } from './bundle';

const ended = (id: number) => event(id, { type: 'job_completed', job: job(id, id) });

test('the first is said at once, and the others of a minute together', () => {
  const bundle = new Bundle();
  expect(bundle.due()).toBe(null);
  bundle.add(ended(1));
  expect(bundle.take(1_000)).toMatchObject({ last: { job: { id: 1 } }, others: 0 });
  for (const id of [2, 3, 4]) bundle.add(ended(id));
  expect(bundle.take(3_000)).toBe(null);
  expect(bundle.due()).toBe(1_000 + TOGETHER_MS);
  expect(bundle.take(1_000 + TOGETHER_MS)).toMatchObject({ last: { job: { id: 4 } }, others: 2 });
});

test('after a sum it is quiet for a minute, too', () => {
  const bundle = new Bundle();
  bundle.add(ended(1));
  bundle.take(0);
  bundle.add(ended(2));
  bundle.take(TOGETHER_MS);
  bundle.add(ended(3));
  expect(bundle.take(TOGETHER_MS + 1_800)).toBe(null);
});

test('after a quiet minute the next is said at once again', () => {
  const bundle = new Bundle();
  bundle.add(ended(1));
  bundle.take(0);
  bundle.add(ended(2));
  expect(bundle.take(5 * TOGETHER_MS)).toMatchObject({ others: 0 });
});
