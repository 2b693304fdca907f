import { expect, test } from 'vitest';
import { DURATION_STEPS, exactTime, formatDuration, formatRunning, formatStep, fromNow } from './time';

test.each([
  [0, 'now'],
  [1_999, 'now'],
  [-1_999, 'now'],
  [2_000, '2 s ago'],
  [-2_000, 'in 2 s'],
  [90_000, '1 min ago'],
  [-7_200_000, 'in 2 h'],
  [172_799_000, '47 h ago'],
  [172_800_000, '2 d ago'],
  [-251_606_476_800_000, 'in 7,972 years'],
])('%d ms from now is "%s"', (ms, said) => {
  expect(fromNow(ms)).toBe(said);
});

test.each([
  [400, '400 ms'],
  [7_000, '7.0 s'],
  [61_000, '1 min 1 s'],
  [47 * 3_600_000 + 300_000, '47 h 5 min'],
  [49 * 3_600_000, '2 d 1 h'],
  [59_926_521_600_000, '1,898 years'],
])('%d ms last "%s"', (ms, said) => {
  expect(formatDuration(ms)).toBe(said);
});

test.each([
  [-400, '0 s'],
  [7_990, '7 s'],
  [61_990, '1 min 1 s'],
  [Number.NaN, '–'],
])('%d ms that still run are said to be "%s"', (ms, said) => {
  expect(formatRunning(ms)).toBe(said);
});

test('the lines of a scale of durations stand at round times', () => {
  const [s, min, h] = [1_000, 60_000, 3_600_000];
  expect([0, 200, 5 * s, 15 * s, 2 * min, 90 * min, 2 * h].map(formatStep)).toEqual([
    ...['0 s', '200 ms', '5 s', '15 s', '2 min', '1 h 30 min', '2 h'],
  ]);
  expect(DURATION_STEPS).toContain(5 * min);
  expect(DURATION_STEPS).not.toContain(100 * s); // 1 min 40 s
});

test('an exact time is told by the clock that all others are told by', () => {
  expect(exactTime(new Date(2026, 10, 28, 20, 38, 57).toISOString())).toContain('20:38:57');
});

test.each(['infinity', '-infinity', '0044-03-15T00:00:00+00:00 BC', 'yesterday'])(
  'what is no time for a browser is shown as it is: %s',
  (text) => {
    expect(exactTime(text)).toBe(text);
    expect(formatDuration(Date.parse(text) - 0)).toBe('–');
  },
);
