import { useFromNow } from './clock';

const exact = new Intl.DateTimeFormat(undefined, {
  hourCycle: 'h23',
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
});
const dated = new Intl.DateTimeFormat(undefined, {
  hourCycle: 'h23',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
const clock = new Intl.DateTimeFormat(undefined, {
  hourCycle: 'h23',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

const YEARS_FROM_D = 2 * 365;

function years(days: number): string {
  return `${Math.floor(days / 365.25).toLocaleString()} years`;
}

/** "3.2 s", "4 min 10 s", "2 h 5 min"; a dash for what is no number. */
export function formatDuration(ms: number): string {
  if (Number.isNaN(ms)) return '–';
  if (ms <= 0) return '0 s';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const s = ms / 1_000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min ${Math.floor(s % 60)} s`;
  const h = Math.floor(min / 60);
  if (h < 48) return `${h} h ${min % 60} min`;
  const d = Math.floor(h / 24);
  return d < YEARS_FROM_D ? `${d} d ${h % 24} h` : years(d);
}

const [S, MIN, H, D] = [1_000, 60_000, 3_600_000, 86_400_000];

/** How far apart lines of a scale of durations may be, in milliseconds: at whole seconds, minutes, hours and days. */
export const DURATION_STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((s) => s * S),
  ...[1, 2, 5, 10, 15, 30].map((min) => min * MIN),
  ...[1, 2, 6, 12].map((h) => h * H),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].map((d) => d * D),
];

/** A line of such a scale: "5 s", "2 min", "1 h 30 min". */
export function formatStep(ms: number): string {
  return formatDuration(ms).replace(/\.0(?= s)| 0 \S+$/, '');
}

/** The same of what still runs, to the second, as it is counted. */
export function formatRunning(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1_000));
  return s < 10 ? `${s} s` : formatDuration(s * 1_000);
}

function roughly(ms: number): string {
  const s = Math.floor(ms / 1_000);
  if (s < 2) return 'now';
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3_600)} h`;
  const d = Math.floor(s / 86_400);
  return d < YEARS_FROM_D ? `${d} d` : years(d);
}

/** "now", "4 s ago", "in 20 s": of a time so many milliseconds ago, or to come where they are negative. */
export function fromNow(ms: number): string {
  const said = roughly(Math.abs(ms));
  if (said === 'now') return said;
  return ms < 0 ? `in ${said}` : `${said} ago`;
}

export function exactTime(iso: string): string {
  return formatted(iso, exact);
}

/** What PostgreSQL stores as a time and a browser does not know, such as `infinity`, is shown as it is written. */
function formatted(iso: string, format: Intl.DateTimeFormat): string {
  const at = Date.parse(iso);
  return Number.isNaN(at) ? iso : format.format(at);
}

/** How long ago, or how long until; the exact local time on hover. */
export function Ago({ iso }: { iso: string | null }) {
  const at = iso === null ? Number.NaN : Date.parse(iso);
  const text = useFromNow((now) => (Number.isNaN(at) ? (iso ?? '–') : fromNow(now - at)));
  if (iso === null) return <span className="muted">–</span>;
  return (
    <time dateTime={iso} title={exactTime(iso)} className="num">
      {text}
    </time>
  );
}

/** The local time of day, on another day than today with the date; the exact time on hover. */
export function ClockTime({ iso }: { iso: string }) {
  const day = new Date(iso).toDateString();
  const text = useFromNow((now) => formatted(iso, new Date(now).toDateString() === day ? clock : dated));
  return (
    <time dateTime={iso} title={exactTime(iso)} className="num">
      {text}
    </time>
  );
}

/** From one time to another, or to now while there is no other. */
export function Duration({ from, to }: { from: string; to: string | null }) {
  const text = useFromNow((now) =>
    to === null ? formatRunning(now - Date.parse(from)) : formatDuration(Date.parse(to) - Date.parse(from)),
  );
  return <span className="num">{text}</span>;
}
