/** What a chart draws of its series: whole lines, and apart from them the stretch into the minute that still runs. */

import type { AlignedData } from 'uplot';

export type Values = readonly (number | null)[];

/**
 * The times, the series without their last value, and after them, in the same order, what is so far: the last full
 * minute's value and the running one's.
 */
export function plotted(times: readonly number[], series: readonly Values[]): AlignedData {
  const running = times.length - 1;
  return [
    [...times],
    ...series.map((values) => values.map((value, place) => (place === running ? null : value))),
    ...series.map((values) => values.map((value, place) => (place < running - 1 ? null : value))),
  ];
}

/** The places of values without a neighbour, through which no line goes. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const missing = (place: number) => values[place] === null || values[place] === undefined;
  return Array.from({ length: values.length }, (_, place) => place).filter(
    (place) => !missing(place) && missing(place - 1) && missing(place + 1),
  );
}
