import { expect, test } from 'vitest';
import { phaseChanges, told } from './changes';

const phase = (name: string, status?: string, progress?: number) => ({
  name,
  ...(status && { status }),
  ...(progress !== undefined && { progress }),
});

test('phases that moved are told, without those that did not', () => {
  const before = [phase('fetch', 'in_progress', 0.5), phase('send')];
  expect(phaseChanges(before, [phase('fetch', 'completed', 1), phase('send', 'in_progress')])).toBe(
    'fetch: completed, send: in_progress',
  );
  expect(phaseChanges(null, before)).toBe('fetch: in_progress, send: to come');
});

test('where none moved, it is told how far they are', () => {
  expect(phaseChanges([phase('fetch', 'in_progress', 0.5)], [phase('fetch', 'in_progress', 0.755)])).toBe(
    'fetch: 76 %',
  );
});

test('phases of which neither changed are not passed over, nor are those that went', () => {
  const one = { ...phase('a', 'failed'), message: 'x' };
  expect(phaseChanges([one], [{ ...one, message: 'y' }])).toBe('details');
  expect(phaseChanges([one, phase('b')], [one])).toBe('a');
  expect(phaseChanges([one], [])).toBe('–');
});

test('times are the reader’s own, and everything else is as it was written', () => {
  expect(told('finished_at', '2026-11-24T22:35:57.040581+00:00')).toContain(':57.040');
  expect(told('finished_at', '2026-11-24T22:35:57.040581+00:00')).not.toContain('T22');
  expect(told('finished_at', 'infinity')).toBe('infinity');
  expect(told('finished_at', null)).toBe('–');
  expect(told('error', '2026-11-24T22:35:57+00:00')).toBe('2026-11-24T22:35:57+00:00');
});
