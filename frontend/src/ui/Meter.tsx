import type { Tone } from './Badge';

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
      aria-valuenow={Math.round(fraction * 100)}
    >
      <span style={{ transform: `scaleX(${fraction})` }} />
    </span>
  );
}
