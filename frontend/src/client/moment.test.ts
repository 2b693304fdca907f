import { expect, test } from 'vitest';
import { atMoment, momentOf, movedTo, stepped } from './moment';

test('a moment is read from an address, and an empty one is now', () => {
  expect(momentOf('?queue=a&as_of=1.17')).toBe('1.17');
  expect(momentOf('as_of=2026-11-24T15%3A00%3A00%2B02%3A00')).toBe('2026-11-24T15:00:00+02:00');
  expect(momentOf('?as_of=')).toBeNull();
  expect(momentOf('')).toBeNull();
});

test('links keep the moment, unless they name one', () => {
  expect(atMoment('/queue', '1.17')).toBe('/queue?as_of=1.17');
  expect(atMoment('/queue?status=failed', '1.17')).toBe('/queue?status=failed&as_of=1.17');
  expect(atMoment('/jobs/jobs/3?as_of=1.5', '1.17')).toBe('/jobs/jobs/3?as_of=1.5');
  expect(atMoment('/queue?q=a', null)).toBe('/queue?q=a');
});

test('an address moves to a moment and back to now', () => {
  expect(movedTo('/queue?q=a&as_of=1.5', '1.6')).toBe('/queue?q=a&as_of=1.6');
  expect(movedTo('/queue?q=a&as_of=1.5', null)).toBe('/queue?q=a');
  expect(movedTo('/?as_of=1.5', null)).toBe('/');
});

test('a step goes by events and not below the beginning', () => {
  expect(stepped('3.17', 1)).toBe('3.18');
  expect(stepped('3.0', -1)).toBe('3.0');
});
