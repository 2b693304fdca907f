import { useEffect, useRef, useState } from 'react';
import './language';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import './chart.css';
import { ChartLegend, hourMinute, type Series } from './ChartLegend';
import { alone, plotted } from './plotted';
import { useTheme } from './theme';
import { FORCED, useMedia } from './useMedia';

export interface ChartProps {
  /** When each minute began, in seconds since 1970; the last still runs. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly label: string;
  readonly format?: (value: number) => string;
  readonly height?: number;
  /** How far apart lines of the scale may be. */
  readonly steps?: readonly number[];
  /** How a line of the scale is named, where not as a value is. */
  readonly formatStep?: (value: number) => string;
  /** The least that the scale reaches to, so that nothing does not look like much. */
  readonly least?: number;
}

/** Whole numbers: neither jobs nor milliseconds come in parts. */
const STEPS: readonly number[] = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 10 }, (_, power) => step * 10 ** power))
  .sort((a, b) => a - b);

const GRID_FONT = '11px "Geist Mono Variable", ui-monospace, monospace';
const MINUTE_S = 60;

/** Between the lines that mark the minute that still runs. */
const HATCH_PX = 5;

/**
 * Lines over minutes. The last still runs and would look like a slump: it is hatched, dotted and called "so far". What
 * the lines show is also said in words for those who cannot see it.
 */
export default function Chart({
  times,
  series,
  label,
  format = (value) => value.toLocaleString(),
  height = 190,
  least = 4,
  steps = STEPS,
  formatStep = format,
}: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const forced = useMedia(FORCED);
  const shape = series.map(({ label, tone }) => `${label}:${tone}`).join();
  const latest = useRef({ times, series, formatStep });
  latest.current = { times, series, formatStep };
  const [at, setAt] = useState<number | null>(null);

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
      padding: [10, 22, 0, 0], // right: half of a time that stands at the end
      scales: {
        // To the end of the running minute, of which the lines know the beginning.
        x: { range: (_, min, max) => [min, max === null ? max : max + MINUTE_S] },
        y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis, size: 28, grid: { show: false }, space: 70, values: (_, ticks) => ticks.map(hourMinute) },
        {
          ...axis,
          size: (_, ticks) => Math.max(52, 14 + 8 * Math.max(0, ...(ticks ?? []).map((tick) => tick.length))),
          incrs: [...steps],
          space: 34,
          values: (_, ticks) => ticks.map((tick) => latest.current.formatStep(tick)),
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
          points: { size: 5, width: 0, fill: colour(tone), show: true, filter: lonely },
        })),
        ...latest.current.series.map(({ label, tone }) => ({
          label: `${label} so far`,
          stroke: colour(tone),
          width: 1.75,
          dash: [1.5, 2.5],
          points: { size: 6, width: 1.5, fill: colour('surface'), show: true, filter: newest },
        })),
      ],
      hooks: {
        drawClear: [(u) => hatch(u, colour('line-strong'))],
        setCursor: [(u) => setAt(u.cursor.idx ?? null)],
      },
    };
    plot.current = new uPlot(options, data(latest.current), element);
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [theme, forced, shape, height, least, steps]);

  useEffect(() => {
    plot.current?.setData(data({ times, series }));
  }, [times, series]);

  return (
    <figure className="chart">
      <figcaption>
        <ChartLegend times={times} series={series} label={label} format={format} at={at} />
      </figcaption>
      <div ref={holder} className="chart-plot" style={{ height }} aria-hidden="true" />
    </figure>
  );
}

function data({ times, series }: Pick<ChartProps, 'times' | 'series'>): uPlot.AlignedData {
  return plotted(
    times,
    series.map(({ values }) => values),
  );
}

function lonely(u: uPlot, series: number): number[] {
  return alone(u.data[series] ?? []);
}

function newest(u: uPlot): number[] {
  return [u.data[0].length - 1];
}

/** Slanted lines over the minute that still runs, from the last that does not. */
function hatch(u: uPlot, colour: string): void {
  const from = u.data[0].at(-2);
  if (from === undefined) return;
  const { ctx, bbox } = u;
  const { top, height } = bbox;
  const left = u.valToPos(from, 'x', true);
  const right = bbox.left + bbox.width;
  const step = HATCH_PX * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, right - left, height);
  ctx.clip();
  ctx.beginPath();
  for (let x = left - height; x < right; x += step) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.strokeStyle = colour;
  ctx.globalAlpha = 0.4;
  ctx.lineWidth = devicePixelRatio;
  ctx.stroke();
  ctx.restore();
}
