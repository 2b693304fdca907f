import { expect, test } from 'vitest';
import { phasesOf } from './phases';

const BARE = { status: null, progress: null, startedAt: null, finishedAt: null, message: null };

test('what a worker wrote as phases is told as far as it can be', () => {
  expect(phasesOf([{ name: 'send', status: 'done', progress: 1, started_at: 'yesterday' }])).toEqual([
    { ...BARE, name: 'send', status: 'done', progress: 1, startedAt: 'yesterday' },
  ]);
  expect(phasesOf(['pack', 7, { name: { a: 1 }, status: 5, progress: 'half', message: ['x'] }])).toEqual([
    { ...BARE, name: 'pack' },
    { ...BARE, name: '7' },
    { ...BARE, name: '{"a":1}', status: '5', message: '["x"]' },
  ]);
  expect(phasesOf([null, {}])).toEqual([{ ...BARE, name: '–' }]);
  expect(phasesOf(null)).toEqual([]);
  expect(phasesOf('send')).toEqual([]);
});
