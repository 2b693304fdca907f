import { expect, test } from 'vitest';
import { whereNow } from './place';

const rows = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `jobs/${from + at}`);
const place = { row: 'jobs/150', index: 150, above: 0, current: null };

test('a row is found where it is by now', () => {
  expect(whereNow(place, rows(400), true)).toBe(150);
  expect(whereNow(place, ['jobs/new', ...rows(400)], true)).toBe(151);
});

test('pages are waited for until the row is there, with rows below it to scroll to', () => {
  expect(whereNow(place, rows(100), true)).toBe(null);
  expect(whereNow(place, rows(200), true)).toBe(null);
  expect(whereNow(place, rows(200), false)).toBe(150);
});

test('of a row that is gone the place is where it stood, at last the end', () => {
  expect(whereNow(place, rows(400, 1_000), true)).toBe(null);
  expect(whereNow(place, rows(800, 1_000), true)).toBe(150);
  expect(whereNow(place, rows(100, 1_000), false)).toBe(99);
});

test('nobody waits for very many pages', () => {
  expect(whereNow({ ...place, row: 'jobs/90000', index: 90_000 }, rows(5_000), true)).toBe(4_999);
});
