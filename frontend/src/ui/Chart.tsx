import { useEffect, useRef } from 'react';
import './language';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import './chart.css';
import type { Tone } from './Badge';
import { useTheme } from './theme';

export interface Series {
  readonly label: string;
  readonly tone: Tone;
  readonly values: readonly (number | null)[];
  /** Dashed lines tell series apart without colour. */
  readonly dash?: readonly number[];
  readonly fill?: boolean;
}

export interface ChartProps {
  /** Seconds since 1970, one per value. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly label: string;
  readonly format?: (value: number) => string;
  readonly height?: number;
  /** The least that the scale reaches to, so that nothing does not look like much. */
  readonly least?: number;
}

/** Whole numbers: neither jobs nor milliseconds come in parts. */
const STEPS = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 10 }, (_, power) => step * 10 ** power))
  .sort((a, b) => a - b);

const GRID_FONT = '11px "Geist Mono Variable", ui-monospace, monospace';

/** Lines over time. What they show is also said in words for those who cannot see it. */
export default function Chart({
  times,
  series,
  label,
  format = String,
  height = 190,
  least = 4,
}: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const shape = series.map(({ label, tone }) => `${label}:${tone}`).join();
  const latest = useRef({ times, series, format });
  latest.current = { times, series, format };

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read anew when the theme changes
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const colours = getComputedStyle(element);
    const colour = (name: string) => colours.getPropertyValue(`--${name}`).trim();
    const axis: uPlot.Axis = {
      stroke: colour('ink-3'),
      font: GRID_FONT,
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      legend: { show: false },
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      padding: [10, 16, 0, 0],
      scales: { y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.1)] } },
      axes: [
        { ...axis, size: 28, grid: { show: false }, space: 70, values: (_, ticks) => ticks.map(hourMinute) },
        {
          ...axis,
          size: 52,
          incrs: STEPS,
          space: 34,
          values: (_, ticks) => ticks.map((tick) => latest.current.format(tick)),
        },
      ],
      series: [
        {},
        ...latest.current.series.map(({ label, tone, dash, fill }) => ({
          label,
          stroke: colour(tone),
          width: 1.75,
          ...(dash && { dash: [...dash] }),
          ...(fill && { fill: `color-mix(in srgb, ${colour(tone)} 12%, transparent)` }),
          points: { size: 5, width: 0, fill: colour(tone), show: true, filter: alone },
        })),
      ],
      hooks: { setCursor: [(u) => tell(element, u, latest.current)] },
    };
    plot.current = new uPlot(options, data(latest.current), element);
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [theme, shape, height, least]);

  useEffect(() => {
    plot.current?.setData(data({ times, series }));
  }, [times, series]);

  return (
    <figure className="chart">
      <figcaption className="chart-legend">
        <span className="sr-only">{label}. Latest values: </span>
        {series.map(({ label, tone, dash, values }) => (
          <span key={label} className={`chart-key tone-${tone}`}>
            <i className={dash ? 'chart-dash' : ''} aria-hidden="true" />
            {label} <b className="num">{shown(values.at(-1), format)}</b>
          </span>
        ))}
        <span className="chart-at num" aria-hidden="true" data-chart-at="" />
      </figcaption>
      <div ref={holder} className="chart-plot" style={{ height }} aria-hidden="true" />
    </figure>
  );
}

/** The places of values without a neighbour, through which no line goes. */
function alone(u: uPlot, series: number): number[] {
  const values = u.data[series] ?? [];
  const missing = (place: number) => values[place] === null || values[place] === undefined;
  return Array.from(values.keys()).filter(
    (place) => !missing(place) && missing(place - 1) && missing(place + 1),
  );
}

function data({ times, series }: Pick<ChartProps, 'times' | 'series'>): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

function tell(
  element: HTMLElement,
  u: uPlot,
  { times, series, format }: Pick<ChartProps, 'times' | 'series'> & { format: (value: number) => string },
): void {
  const at = element.parentElement?.querySelector('[data-chart-at]');
  const index = u.cursor.idx;
  const time = index === null || index === undefined ? undefined : times[index];
  if (at === null || at === undefined) return;
  at.textContent =
    time === undefined || index === null || index === undefined
      ? ''
      : `${hourMinute(time)}  ${series.map(({ label, values }) => `${label} ${shown(values[index], format)}`).join(' · ')}`;
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}

function hourMinute(seconds: number): string {
  const at = new Date(seconds * 1000);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}
