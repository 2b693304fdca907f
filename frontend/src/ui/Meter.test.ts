import { expect, test } from 'vitest';
import { percent } from './Meter';

test.each([
  [0, 0],
  [0.29, 29],
  [0.994, 99],
  [0.9999, 99],
  [1, 100],
])('%d of a whole is %d %%', (fraction, said) => {
  expect(percent(fraction)).toBe(said);
});
