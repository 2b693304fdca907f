import { expect, test } from 'vitest';
import { jobNamed } from './useQueueAddress';

test('a text names a job where it begins with a source', () => {
  const sources = [{ name: 'jobs' }, { name: 'exports' }];
  expect(jobNamed('jobs/95', sources)).toEqual({ source: 'jobs', id: '95' });
  expect(jobNamed('exports/a/b', sources)).toEqual({ source: 'exports', id: 'a/b' });
  for (const text of ['', 'jobs', 'jobs/', '/95', 'mail/95']) expect(jobNamed(text, sources)).toBe(null);
});
