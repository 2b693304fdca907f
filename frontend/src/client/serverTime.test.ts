import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ServerTime } from './serverTime';

const HERE = Date.UTC(2026, 10, 27, 12, 0, 0);

beforeEach(() => {
  vi.useFakeTimers({ now: HERE });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An answer that says the server's clock is so far ahead, and took so long. */
function answered(time: ServerTime, aheadMs: number, tookMs = 20): void {
  time.heard(new Date(HERE + aheadMs).toUTCString(), HERE - tookMs / 2, HERE + tookMs / 2);
}

test.each([300_000, -300_000, 4_500])('a clock that is %d ms off is put right to the second', (ahead) => {
  const time = new ServerTime();
  answered(time, ahead);
  expect(Math.abs(time.now() - HERE - ahead)).toBeLessThan(1_000);
  vi.setSystemTime(HERE + 10_000);
  expect(Math.abs(time.now() - HERE - ahead - 10_000)).toBeLessThan(1_000);
});

test('a clock that is about right is believed', () => {
  const time = new ServerTime();
  for (const ahead of [0, 999, -1_500, 2_000]) {
    answered(time, ahead);
    expect(time.now()).toBe(HERE);
  }
});

test('time does not jump with the part of a second that a date leaves out', () => {
  const time = new ServerTime();
  answered(time, 60_000);
  const first = time.now();
  answered(time, 61_000);
  answered(time, 59_000);
  expect(time.now()).toBe(first);
  answered(time, 0); // somebody has set the clock
  expect(time.now()).toBe(HERE);
});

test('an answer without a date, or one that took long, says nothing', () => {
  const time = new ServerTime();
  time.heard(null, HERE, HERE);
  time.heard('soon', HERE, HERE);
  answered(time, 300_000, 20_000);
  expect(time.now()).toBe(HERE);
});
