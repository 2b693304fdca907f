import { expect, test } from 'vitest';
import type { Sort } from './api';
import { comparator } from './jobOrder';
import { job } from './scripted';

test.each<[Sort, readonly number[]]>([
  ['priority', [2, 3, 1]],
  ['finished', [1, 3, 2]],
])('by %s what is alike has the newest first, and what is no time comes last', (sort, ids) => {
  const jobs = [
    job(1, 1, { priority: 0, finished_at: '2026-01-01T00:00:00+00:00' }),
    job(2, 2, { priority: 5, finished_at: null }),
    job(3, 3, { priority: 0, finished_at: 'infinity' }),
  ];
  expect(jobs.sort(comparator(sort)).map(({ id }) => id)).toEqual(ids);
});
