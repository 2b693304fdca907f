import { expect, test } from 'vitest';
import { before, compareCursors } from './cursor';
import { filterParams, matchesFacets, parseFilter } from './filter';
import { job } from './scripted';

test('a filter survives its way through the address', () => {
  const search = 'queue=a&queue=b%26c&kind=mail.send&status=failed&tags=x&q=time+out';
  expect(filterParams(parseFilter(search)).toString()).toBe(search);
});

test('a status that does not exist is left out', () => {
  expect(parseFilter('?status=exploded&status=failed').status).toEqual(['failed']);
});

test('values of one field are any of, fields are all of', () => {
  const filter = parseFilter('?queue=a&queue=b&status=pending');
  expect(matchesFacets(filter, job(1, 1, { queue: 'b' }))).toBe(true);
  expect(matchesFacets(filter, job(1, 1, { queue: 'c' }))).toBe(false);
  expect(matchesFacets(filter, job(1, 1, { queue: 'a', status: 'failed' }))).toBe(false);
});

test('cursors are ordered by epoch, then position, as numbers', () => {
  expect(compareCursors('3.9', '3.10')).toBeLessThan(0);
  expect(compareCursors('4.1', '3.10')).toBeGreaterThan(0);
  expect(before('3.150', 100)).toBe('3.50');
  expect(before('3.5', 100)).toBe('3.0');
});
