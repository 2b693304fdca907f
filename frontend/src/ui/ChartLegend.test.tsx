// @vitest-environment happy-dom
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ChartLegend } from './ChartLegend';
import { formatDuration } from './time';

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const NOON = new Date(2026, 10, 24, 12, 0).getTime() / 1000;

function rows(at: number | null, count = 3): string[][] {
  const place = document.createElement('div');
  const root = createRoot(place);
  act(() =>
    root.render(
      <ChartLegend
        times={[0, 1, 2].slice(0, count).map((minute) => NOON + minute * 60)}
        series={[
          { label: 'Median', tone: 'blue', values: [1_000, null, 3_000].slice(0, count) },
          { label: '95th percentile', tone: 'violet', values: [4_000, 5_000, 6_000].slice(0, count) },
        ]}
        label="Duration"
        format={formatDuration}
        at={at}
      />,
    ),
  );
  const said = Array.from(place.querySelectorAll('tbody tr'), (row) =>
    Array.from(row.children, (cell) => cell.textContent ?? ''),
  );
  act(() => root.unmount());
  return said;
}

test('the last full minute is told, and the running one as what is so far', () => {
  expect(rows(null)).toEqual([
    ['12:01', '–', '5.0 s'],
    ['12:02 so far', '3.0 s', '6.0 s'],
  ]);
});

test('a minute that is pointed at takes the place of the last full one, but the running one keeps its own', () => {
  expect(rows(0)[0]).toEqual(['12:00', '1.0 s', '4.0 s']);
  expect(rows(2)).toEqual(rows(null));
});

test('what is not there yet leaves the lines as they are', () => {
  expect(rows(null, 0)).toEqual([
    ['–', '–', '–'],
    ['– so far', '–', '–'],
  ]);
  expect(rows(null, 1)[0]).toEqual(['–', '–', '–']);
});
