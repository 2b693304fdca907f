/** Which jobs a list shows: the same filter in the page's address, in REST calls, and against live events. */

import { type Job, STATUSES, type Status } from './protocol';

export interface JobFilter {
  readonly source: readonly string[];
  readonly queue: readonly string[];
  readonly kind: readonly string[];
  readonly status: readonly Status[];
  readonly worker: readonly string[];
  readonly tags: readonly string[];
  readonly q: string;
}

const FACETS = ['source', 'queue', 'kind', 'status', 'worker', 'tags'] as const;
export type Facet = (typeof FACETS)[number];

export const EVERYTHING: JobFilter = {
  source: [],
  queue: [],
  kind: [],
  status: [],
  worker: [],
  tags: [],
  q: '',
};

function isStatus(text: string): text is Status {
  return (STATUSES as readonly string[]).includes(text);
}

/** Reads `?queue=a&queue=b&status=failed&q=text`. What it does not know it leaves out. */
export function parseFilter(search: string): JobFilter {
  const params = new URLSearchParams(search);
  return {
    source: params.getAll('source'),
    queue: params.getAll('queue'),
    kind: params.getAll('kind'),
    status: params.getAll('status').filter(isStatus),
    worker: params.getAll('worker'),
    tags: params.getAll('tags'),
    q: params.get('q') ?? '',
  };
}

export function filterParams(filter: JobFilter): URLSearchParams {
  const params = new URLSearchParams();
  for (const facet of FACETS) for (const value of filter[facet]) params.append(facet, value);
  if (filter.q !== '') params.set('q', filter.q);
  return params;
}

export function isEverything(filter: JobFilter): boolean {
  return filter.q === '' && FACETS.every((facet) => filter[facet].length === 0);
}

/** Whether the job belongs into the list, as the server says it. */
export function matches(filter: JobFilter, job: Job): boolean {
  return matchesFacets(filter, job) && holdsText(filter.q, job);
}

/** Of an array in PostgreSQL, at most. */
const DIMENSIONS = 6;

/** Of an error the server looks through so much, in characters. */
const ERROR_SEARCHED = 1_000;

function holdsText(q: string, job: Job): boolean {
  if (q === '' || String(job.id) === q) return true;
  const wanted = q.toLowerCase();
  return [job.kind, job.queue, job.worker, job.error?.slice(0, ERROR_SEARCHED), ...tagsOf(job)].some(
    (part) => part?.toLowerCase().includes(wanted) ?? false,
  );
}

/** Whether it does, text search left aside: of a row that is in the list already that is known. */
export function matchesFacets(filter: JobFilter, job: Job): boolean {
  return (
    oneOf(filter.source, job.source) &&
    oneOf(filter.queue, job.queue) &&
    oneOf(filter.kind, job.kind) &&
    oneOf(filter.status, job.status) &&
    oneOf(filter.worker, job.worker) &&
    (filter.tags.length === 0 || filter.tags.some((tag) => tagsOf(job).includes(tag)))
  );
}

/** The texts among the tags, which may be an array of arrays and hold NULLs: PostgreSQL asks for no more than `text[]`. */
function tagsOf(job: Job): readonly string[] {
  return (job.tags ?? []).flat(DIMENSIONS).filter((tag) => typeof tag === 'string');
}

function oneOf(wanted: readonly string[], value: string | null): boolean {
  return wanted.length === 0 || (value !== null && wanted.includes(value));
}
