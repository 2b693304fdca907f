import type { Tone } from './Badge';

/** In whole percent; a hundred is said only of what is whole. */
export function percent(fraction: number): number {
  const rounded = Math.round(fraction * 100);
  return fraction < 1 ? Math.min(99, rounded) : rounded;
}

/** How far something is, from 0 to 1. */
export function Meter({ value, label, tone = 'accent' }: { value: number; label: string; tone?: Tone }) {
  const fraction = Math.min(1, Math.max(0, value));
  return (
    <span
      className={`meter tone-${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent(fraction)}
    >
      <span style={{ transform: `scaleX(${fraction})` }} />
    </span>
  );
}
