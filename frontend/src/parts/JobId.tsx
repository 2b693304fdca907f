import type { Job } from '@/client/protocol';
import { useSeveralSources } from './sources';
import './jobId.css';

const LONG = 14;

/** An id that fits a line. */
export function shortId(id: number | string): string {
  const text = String(id);
  return text.length > LONG ? `${text.slice(0, 8)}…${text.slice(-4)}` : text;
}

/** A job's id as a line shows it; the whole of a long one is in the title. */
export function JobId({ id }: { id: number | string }) {
  const short = shortId(id);
  const whole = String(id);
  if (short === whole) return <span className="mono muted">{whole}</span>;
  return (
    <span className="mono muted" title={whole}>
      {short.slice(0, 4)}
      <span className="job-id-middle">{short.slice(4, 8)}</span>
      {short.slice(8)}
    </span>
  );
}

/** Whose job it is, where there are several sources. */
export function JobSource({ source }: { source: string }) {
  return useSeveralSources() ? <span className="job-source">{source}</span> : null;
}

/** What a job is: its kind, or the source whose jobs have none. */
export function kindOf(job: Pick<Job, 'source' | 'kind'>): string {
  return job.kind || job.source;
}
