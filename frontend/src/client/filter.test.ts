import { expect, test } from 'vitest';
import { before, compareCursors } from './cursor';
import { filterParams, matches, matchesFacets, parseFilter } from './filter';
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

test.each([
  ['kind', { kind: 'Mail.Welcome' }],
  ['queue', { queue: 'mail' }],
  ['worker', { worker: 'mail-7' }],
  ['tag', { tags: ['x', 'MAIL'] }],
  ['beginning of the error', { error: 'no MAIL today' }],
])('text is found in the %s, in letters of either size', (_, part) => {
  const none = { kind: 'k', queue: null, worker: null, tags: null, error: null };
  expect(matches(parseFilter('?q=mail'), job(1, 1, none))).toBe(false);
  expect(matches(parseFilter('?q=mail'), job(1, 1, { ...none, ...part }))).toBe(true);
  expect(matches(parseFilter('?q=mail&status=failed'), job(1, 1, { ...none, ...part }))).toBe(false);
});

test('tags are found in arrays of arrays, and beside a NULL', () => {
  const nested: unknown = [
    ['a', 'Mail'],
    [null, 'b'],
  ];
  const odd = job(1, 1, { tags: nested as string[] });
  expect(matches(parseFilter('?q=mail'), odd)).toBe(true);
  expect(matches(parseFilter('?q=nothing'), odd)).toBe(false);
  expect(matches(parseFilter('?tags=b'), odd)).toBe(true);
});

test('an id is found whole, and the end of a long error is not looked at', () => {
  expect(matches(parseFilter('?q=17'), job(17, 1))).toBe(true);
  expect(matches(parseFilter('?q=17'), job(170, 1))).toBe(false);
  const error = `${'x'.repeat(1_000)}needle`;
  expect(matches(parseFilter('?q=needle'), job(1, 1, { error }))).toBe(false);
});

test('cursors are ordered by epoch, then position, as numbers', () => {
  expect(compareCursors('3.9', '3.10')).toBeLessThan(0);
  expect(compareCursors('4.1', '3.10')).toBeGreaterThan(0);
  expect(before('3.150', 100)).toBe('3.50');
  expect(before('3.5', 100)).toBe('3.0');
});
