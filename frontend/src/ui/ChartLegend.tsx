import type { Tone } from './Badge';
import type { Values } from './plotted';

export interface Series {
  readonly label: string;
  readonly tone: Tone;
  /** One for each minute, the last of which still runs. */
  readonly values: Values;
  /** Dashed lines tell series apart without colour. */
  readonly dash?: readonly number[];
  readonly fill?: boolean;
}

interface Legend {
  /** Seconds since 1970, one per value. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly label: string;
  readonly format: (value: number) => string;
  /** The place that the pointer is at. */
  readonly at: number | null;
}

/** The lines' names and, in numbers, a full minute (the last, or the one pointed at) and the running one so far. */
export function ChartLegend({ times, series, label, format, at }: Legend) {
  const running = times.length - 1;
  const full = at === null || at >= running ? running - 1 : at;
  const row = (place: number) =>
    series.map(({ label, values }) => (
      <td key={label} className="num">
        {shown(values[place], format)}
      </td>
    ));
  return (
    <table className="chart-legend">
      <caption className="sr-only">{label}: a full minute, and the one that still runs, so far</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="sr-only">Minute</span>
          </th>
          {series.map(({ label, tone, dash }) => (
            <th key={label} scope="col" className={`tone-${tone}`}>
              <i className={dash ? 'chart-dash' : ''} aria-hidden="true" />
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row" className="num">
            {hourMinute(times[full])}
          </th>
          {row(full)}
        </tr>
        <tr className="chart-so-far">
          <th scope="row" className="num">
            {hourMinute(times[running])} so far
          </th>
          {row(running)}
        </tr>
      </tbody>
    </table>
  );
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}

export function hourMinute(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  const at = new Date(seconds * 1000);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}
