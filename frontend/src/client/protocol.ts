/** What travels between the board and its server: jobs, events, and the frames of the `tailboard.v1` dialect. */

import { parseJson } from './json';

export const STATUSES = [
  'scheduled',
  'pending',
  'in_progress',
  'paused',
  'completed',
  'failed',
  'cancelled',
] as const;
export type Status = (typeof STATUSES)[number];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * One row of a source. Times are ISO 8601. `version` grows with every change of the job. A source that was adopted says
 * of its jobs what it knows: beside id and status anything may be null.
 */
export interface Job {
  readonly source: string;
  readonly id: number | string;
  readonly queue: string | null;
  readonly kind: string | null;
  readonly status: Status;
  readonly priority: number | null;
  readonly attempt: number | null;
  readonly max_attempts: number | null;
  readonly progress: number | null;
  readonly phase: string | null;
  /** As the worker wrote them. */
  readonly phases: readonly Json[] | null;
  readonly worker: string | null;
  readonly error: string | null;
  readonly tags: readonly string[] | null;
  readonly created_at: string | null;
  readonly scheduled_at: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly payload: Json;
  readonly result: Json;
  readonly version: number;
  /** Names of fields too large to travel with every event; `GET /api/jobs/{source}/{id}` has them. */
  readonly omitted?: readonly string[];
  /** A job that is scheduled is pending from this moment on, without any event. */
  readonly due?: string | null;
}

const FIELDS: { readonly [field in keyof Required<Job>]: true } = {
  source: true,
  id: true,
  queue: true,
  kind: true,
  status: true,
  priority: true,
  attempt: true,
  max_attempts: true,
  progress: true,
  phase: true,
  phases: true,
  worker: true,
  error: true,
  tags: true,
  created_at: true,
  scheduled_at: true,
  started_at: true,
  finished_at: true,
  payload: true,
  result: true,
  version: true,
  omitted: true,
  due: true,
};

/** What a job has beyond that: columns that somebody added to the built-in table, those with a value. */
export function ownFields(job: Job): readonly (readonly [string, Json])[] {
  const own: { readonly [field: string]: unknown } = { ...job };
  return Object.entries(own).filter(
    (entry): entry is [string, Json] => !(entry[0] in FIELDS) && entry[1] !== null,
  );
}

/** How a job stands at a moment: one that is due is pending, whatever was last heard of it. */
export function statusAt(job: Job, now: number): Status {
  return job.status === 'scheduled' && dueAt(job) <= now ? 'pending' : job.status;
}

/** When time alone makes the job pending, in milliseconds; never, for most. */
export function dueAt(job: Job): number {
  if (job.status !== 'scheduled' || job.due === undefined || job.due === null)
    return Number.POSITIVE_INFINITY;
  const at = Date.parse(job.due);
  return Number.isNaN(at) ? Number.POSITIVE_INFINITY : at;
}

/** The job as it stands at a moment. */
export function jobAt(job: Job, now: number): Job {
  return dueAt(job) <= now ? { ...job, status: 'pending' } : job;
}

export const EVENT_TYPES = [
  'job_created',
  'job_started',
  'job_completed',
  'job_failed',
  'job_updated',
  'job_deleted',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface Change {
  readonly from?: Status | null;
  readonly to?: Status | null;
  readonly was?: { readonly [facet: string]: Json };
  /** The row is gone, whatever the type of the event: some queues complete a job by deleting it. */
  readonly deleted?: boolean;
}

/** A change with its place in the total order: `cursor` is the place after it. */
export interface JobEvent {
  readonly type: EventType;
  readonly source: string;
  readonly job: Job;
  readonly change: Change;
  readonly version: number;
  readonly at: string;
  readonly cursor: string;
}

export type Stats = { readonly [status in Status | 'total']: number };

interface StatsFrame {
  readonly type: 'stats_updated';
  readonly stats: Stats;
  readonly cursor: string;
}

interface ResetFrame {
  readonly type: 'reset';
  readonly reason: string;
  readonly cursor: string;
}

export type ServerFrame =
  | JobEvent
  | StatsFrame
  | ResetFrame
  | { readonly type: 'left'; readonly source: string; readonly id: number | string; readonly cursor: string }
  | {
      readonly type: 'welcome';
      readonly session: string;
      readonly ping_s: number;
      readonly cursor: string;
      readonly epoch: number;
    }
  | { readonly type: 'subscribed'; readonly cursor: string; readonly recovered: boolean }
  | { readonly type: 'caught_up'; readonly cursor: string }
  | {
      readonly type: 'heartbeat';
      readonly cursor: string;
      readonly lag_ms: number;
      readonly away?: boolean;
    }
  | { readonly type: 'pong' }
  | {
      readonly type: 'error';
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
      readonly retry_after_ms?: number;
    };

export type ClientFrame =
  | { readonly type: 'auth'; readonly token: string }
  | { readonly type: 'subscribe'; readonly cursor?: string }
  | { readonly type: 'ping' };

const EVENT_TYPE_SET: ReadonlySet<string> = new Set(EVENT_TYPES);

export function isJobEvent(frame: { readonly type: string }): frame is JobEvent {
  return EVENT_TYPE_SET.has(frame.type);
}

const KNOWN: ReadonlySet<string> = new Set([
  ...EVENT_TYPES,
  'stats_updated',
  'reset',
  'left',
  'welcome',
  'subscribed',
  'caught_up',
  'heartbeat',
  'pong',
  'error',
]);

function isKnownFrame(value: unknown): value is ServerFrame {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    KNOWN.has(value.type)
  );
}

/**
 * The frames of one WebSocket message: newline-joined JSON objects. Frames of a kind that this client does not
 * know are left out, so that a newer server can say more. Throws SyntaxError for what is not JSON.
 */
export function parseFrames(text: string): readonly ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const value = parseJson(line);
    if (isKnownFrame(value)) frames.push(isJobEvent(value) ? withVersion(value) : value);
  }
  return frames;
}

/** The job as of the event: a card in the log does not hold its own version, the event does. */
export function withVersion(event: JobEvent): JobEvent {
  return { ...event, job: { ...event.job, version: event.version } };
}

/** Whether the job's row is gone with this event. */
export function isGone(event: JobEvent): boolean {
  return event.change.deleted === true || event.type === 'job_deleted';
}

export function jobKey(job: { readonly source: string; readonly id: number | string }): string {
  return `${job.source}/${job.id}`;
}
