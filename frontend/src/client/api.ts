/** The REST calls that the board makes, each typed. */

import { filterParams, type JobFilter } from './filter';
import type { Change, EventType, Job, JobEvent, Json, Stats, Status } from './protocol';
import type { Rest } from './rest';

export const SORTS = ['newest', 'oldest', 'priority', 'started', 'finished'] as const;
export type Sort = (typeof SORTS)[number];

export interface JobPage {
  readonly jobs: readonly Job[];
  readonly next: string | null;
  readonly cursor: string;
  /** False where a search or an order looked at the newest jobs only, where a source is failing, or where the past is
   * not known whole. */
  readonly complete?: boolean;
  readonly failing?: readonly Failing[];
}

/** A source that an answer is without, and why. */
export interface Failing {
  readonly source: string;
  readonly code: string;
  readonly message: string;
}

/** Of how many queues the board asks for the counts: those with the most jobs. There may be one for each customer. */
const QUEUES = 200;

export interface StatsAnswer {
  readonly stats: Stats;
  readonly by_source: readonly { readonly source: string; readonly stats: Stats }[];
  /** The queues with the most jobs, and those that were asked for. */
  readonly by_queue: readonly { readonly source: string; readonly queue: string; readonly stats: Stats }[];
  /** How many there are. */
  readonly queues: number;
  readonly cursor: string;
  /** The time of a moment in the past. */
  readonly at?: string;
}

/** From where to where the past can be shown; `whole` says that the log still has its beginning. */
export interface Span {
  readonly first: { readonly cursor: string; readonly at: string };
  readonly last: { readonly cursor: string; readonly at: string };
  readonly now: string;
  readonly whole: boolean;
}

export interface Minute {
  readonly at: string;
  readonly created: number;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  readonly duration_ms: {
    readonly n: number;
    readonly mean: number | null;
    readonly p50: number | null;
    readonly p95: number | null;
  } | null;
}

export interface HistoryEntry {
  readonly type: EventType;
  readonly source: string;
  readonly job: Job;
  readonly change: Change;
  readonly version: number;
  readonly at: string;
  /** Null while the change is committed and not yet in the log's order. */
  readonly cursor: string | null;
  readonly changed?: { readonly [field: string]: readonly [Json, Json] };
}

export interface HistoryPage {
  readonly events: readonly HistoryEntry[];
  readonly next: string | null;
}

export interface WorkerInfo {
  readonly name: string;
  readonly info: Json;
  readonly started_at: string | null;
  readonly seen_at: string | null;
  /** Without any heartbeat its health is unknown, and only its jobs say that it works. */
  readonly health: 'alive' | 'late' | 'lost' | 'unknown';
  readonly alive: boolean;
  readonly jobs: readonly Job[];
}

export interface WorkersAnswer {
  readonly workers: readonly WorkerInfo[];
  /** False where there are more workers, or running jobs, than the answer has. */
  readonly complete: boolean;
  readonly failing?: readonly Failing[];
}

export interface SourceInfo {
  readonly name: string;
  readonly table: string;
  readonly builtin: boolean;
  readonly attached: boolean;
  readonly health: {
    readonly status: string;
    readonly lag_ms?: number | null;
    /** What was found, and what to do about it. */
    readonly detail?: string | null;
    readonly advice?: string | null;
    /** Changes that the capture could not record. */
    readonly faults?: number;
    readonly last_fault?: string | null;
    readonly last_fault_at?: string | null;
    /** When its rows were last counted against the log. */
    readonly counted_at?: string | null;
  };
  readonly actions: readonly string[];
  /** Jobs in it, as the log counts them. */
  readonly rows?: number;
  readonly attached_at?: string;
}

export const ACTIONS = ['retry', 'cancel', 'pause', 'resume', 'delete'] as const;
export type Action = (typeof ACTIONS)[number];

export interface BulkAnswer {
  /** How many jobs of the scope stand where the action is possible. */
  readonly matched: number;
  readonly changed: number;
  /** The same call would find further ones. */
  readonly more: boolean;
  /** False where a search looked at the newest jobs only. */
  readonly complete?: boolean;
  /** Jobs that their queue left as they were. */
  readonly refused?: number;
  /** Sources that have no such action. */
  readonly unsupported?: readonly string[];
  readonly failing?: readonly Failing[];
}

export type JobName = { readonly source: string; readonly id: number | string };

export class Api {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  jobs(
    filter: JobFilter,
    sort: Sort,
    after: string | null,
    limit: number,
    { asOf = null, signal }: { readonly asOf?: string | null; readonly signal?: AbortSignal } = {},
  ): Promise<JobPage> {
    const params = filterParams(filter);
    params.set('sort', sort);
    params.set('limit', String(limit));
    if (after !== null) params.set('after', after);
    if (asOf !== null) params.set('as_of', asOf);
    return this.#rest.call(`/api/jobs?${params}`, signal === undefined ? {} : { signal });
  }

  job(name: JobName, asOf: string | null = null): Promise<{ job: Job; cursor: string }> {
    return this.#rest.call(jobPath(name) + then('?', asOf));
  }

  history(
    name: JobName,
    before: string | null,
    limit: number,
    asOf: string | null = null,
  ): Promise<HistoryPage> {
    const params = new URLSearchParams({ limit: String(limit) });
    if (before !== null) params.set('before', before);
    if (asOf !== null) params.set('as_of', asOf);
    return this.#rest.call(`${jobPath(name)}/events?${params}`);
  }

  /** Counts, by queue also those of the `named` ones. */
  stats(asOf: string | null = null, named: readonly string[] = []): Promise<StatsAnswer> {
    const params = new URLSearchParams({ queues: String(QUEUES) });
    for (const queue of named) params.append('queue', queue);
    return this.#rest.call(`/api/stats?${params}${then('&', asOf)}`);
  }

  span(): Promise<Span> {
    return this.#rest.call('/api/past');
  }

  async minutes(count: number, asOf: string | null): Promise<readonly Minute[]> {
    const { minutes } = await this.#rest.call<{ minutes: readonly Minute[] }>(
      `/api/stats/history?minutes=${count}${then('&', asOf)}`,
    );
    return minutes;
  }

  events(
    after: string,
    limit: number,
  ): Promise<{ events: readonly JobEvent[]; cursor: string; more: boolean }> {
    return this.#rest.call(`/api/events?after=${encodeURIComponent(after)}&limit=${limit}`);
  }

  workers(): Promise<WorkersAnswer> {
    return this.#rest.call('/api/workers');
  }

  sources(): Promise<{ readonly sources: readonly SourceInfo[]; readonly read_only?: boolean }> {
    return this.#rest.call('/api/sources');
  }

  /** Throws Unreachable where no answer comes within half a minute: the next action on the job waits for this one. */
  async act(name: JobName, action: Action): Promise<Job | null> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    if (action === 'delete') {
      await this.#rest.call<void>(jobPath(name), { method: 'DELETE', signal });
      return null;
    }
    const { job } = await this.#rest.call<{ job: Job }>(`${jobPath(name)}/${action}`, {
      method: 'POST',
      signal,
    });
    return job;
  }

  /** One call of a bulk action; see `bulk.ts` for all that it takes. */
  bulk(action: Action, filter: object, dryRun: boolean, signal?: AbortSignal): Promise<BulkAnswer> {
    return this.#rest.call('/api/jobs/bulk', {
      method: 'POST',
      body: { action, filter, dry_run: dryRun },
      ...(signal !== undefined && { signal }),
    });
  }
}

const ANSWER_WITHIN_MS = 30_000;

function then(mark: string, asOf: string | null): string {
  return asOf === null ? '' : `${mark}as_of=${encodeURIComponent(asOf)}`;
}

function jobPath({ source, id }: JobName): string {
  return `/api/jobs/${encodeURIComponent(source)}/${encodeURIComponent(id)}`;
}

export function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

/** What a job's status becomes when an action succeeds; null where it ceases to be. */
export function statusAfter(action: Action): Status | null {
  switch (action) {
    case 'retry':
    case 'resume':
      return 'pending';
    case 'cancel':
      return 'cancelled';
    case 'pause':
      return 'paused';
    case 'delete':
      return null;
    default:
      return action satisfies never;
  }
}

/** Whether an action makes sense for a job that stands so. The server has the last word. */
export function allows(action: Action, status: Status): boolean {
  switch (action) {
    case 'retry':
      return status === 'failed' || status === 'cancelled' || status === 'completed';
    case 'cancel':
      return (
        status === 'pending' || status === 'scheduled' || status === 'in_progress' || status === 'paused'
      );
    case 'pause':
      return status === 'pending' || status === 'scheduled';
    case 'resume':
      return status === 'paused';
    case 'delete':
      return status !== 'in_progress';
    default:
      return action satisfies never;
  }
}
