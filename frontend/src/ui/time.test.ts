import { expect, test } from 'vitest';
import { fromNow } from './time';

test.each([
  [0, 'now'],
  [1_999, 'now'],
  [-1_999, 'now'],
  [2_000, '2 s ago'],
  [-2_000, 'in 2 s'],
  [90_000, '1 min ago'],
  [-7_200_000, 'in 2 h'],
  [172_800_000, '2 d ago'],
])('%d ms from now is "%s"', (ms, said) => {
  expect(fromNow(ms)).toBe(said);
});
