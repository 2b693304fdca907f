import { expect, test } from 'vitest';
import { exactTime, formatDuration, fromNow } from './time';

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

test.each(['infinity', '-infinity', '0044-03-15T00:00:00+00:00 BC', 'yesterday'])(
  'what is no time for a browser is shown as it is: %s',
  (text) => {
    expect(exactTime(text)).toBe(text);
    expect(formatDuration(Date.parse(text) - 0)).toBe('–');
  },
);
