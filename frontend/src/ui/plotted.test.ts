import { expect, test } from 'vitest';
import { alone, plotted } from './plotted';

test('the minute that still runs is no part of the whole lines, but of those from the last full minute on', () => {
  const series = [
    [1, 2, 3],
    [4, null, 6],
  ];
  expect(plotted([60, 120, 180], series)).toEqual([
    [60, 120, 180],
    [1, 2, null],
    [4, null, null],
    [null, 2, 3],
    [null, null, 6],
  ]);
});

test('of one minute, and of none, there is only what is so far', () => {
  expect(plotted([60], [[7]])).toEqual([[60], [null], [7]]);
  expect(plotted([], [[]])).toEqual([[], [], []]);
});

test('a value between two that are missing is alone', () => {
  expect(alone([1, null, 2, null, null, 3, 4, null])).toEqual([0, 2]);
  expect(alone([])).toEqual([]);
});
