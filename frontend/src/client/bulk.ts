/** One action on many jobs: how many it would reach, and then doing it, in as many calls as it takes. */

import { type Action, type Api, allows, type BulkAnswer, type JobName } from './api';
import { EVERYTHING, type JobFilter, matches } from './filter';
import { STATUSES, type Status } from './protocol';

/** What a bulk action is about: everything that matches, or jobs by name. */
export type BulkScope = { readonly filter: JobFilter } | { readonly jobs: readonly JobName[] };

/** What a bulk action would do. */
export interface Counted {
  readonly jobs: number;
  /** What it is to be done to: the filter, or the jobs that were found one by one. */
  readonly scope: BulkScope;
  /** There may be more than were counted: a filter reaches them, too; of jobs by name these are all that is done. */
  readonly more: boolean;
  /** Sources whose jobs stay as they are. */
  readonly without: readonly string[];
}

export interface BulkOutcome {
  readonly jobs: number;
  readonly refused: number;
}

/** How far the search has come that goes through all jobs. */
export interface Looked {
  readonly found: number;
  readonly jobs: number;
}

type BulkApi = Pick<Api, 'bulk' | 'jobs'>;

/** A call names at most so many jobs. */
const NAMES_MAX = 50;
/** The server counts no further. */
const COUNTED_MAX = 100_000;
/** So many names the page holds. */
const FOUND_MAX = 100_000;
const PAGE = 500;

/**
 * How many jobs the action would change. A search on the server looks at the newest jobs only; where those are not all,
 * all jobs are looked through here, page by page and told to `onLooked`, until `enough` is aborted.
 */
export async function countBulk(
  api: BulkApi,
  action: Action,
  scope: BulkScope,
  onLooked: (looked: Looked) => void,
  { enough, signal }: { readonly enough: AbortSignal; readonly signal: AbortSignal },
): Promise<Counted> {
  let jobs = 0;
  let complete = true;
  const without = new Set<string>();
  for (const filter of bulkFilters(action, scope)) {
    const answer = await api.bulk(action, filter, true, signal);
    jobs += answer.matched;
    complete &&= answer.complete !== false;
    leftOut(answer, without);
  }
  if (complete || !('filter' in scope))
    return { jobs, scope, more: jobs >= COUNTED_MAX, without: [...without].sort() };

  const found: JobName[] = [];
  const filter = { ...narrowed(action, scope.filter), q: '' };
  const text = { ...EVERYTHING, q: scope.filter.q };
  let looked = 0;
  let after: string | null = null;
  do {
    const page = await api.jobs(filter, 'newest', after, PAGE, { signal });
    for (const job of page.jobs)
      if (matches(text, job) && !without.has(job.source)) found.push({ source: job.source, id: job.id });
    leftOut(page, without);
    looked += page.jobs.length;
    after = page.next;
    onLooked({ found: found.length, jobs: looked });
  } while (after !== null && found.length < FOUND_MAX && !enough.aborted);
  return { jobs: found.length, scope: { jobs: found }, more: after !== null, without: [...without].sort() };
}

/**
 * Acts on what was counted, and returns how many jobs were changed. It ends at their number, so that jobs which come to
 * match meanwhile do not keep it going, and with the call under way once `stop` is aborted.
 */
export async function runBulk(
  api: BulkApi,
  action: Action,
  { scope, jobs, more: further }: Counted,
  onProgress: (changed: number) => void,
  stop: AbortSignal,
): Promise<BulkOutcome> {
  let changed = 0;
  let refused = 0;
  for (const filter of bulkFilters(action, scope)) {
    let more = true;
    while (more && (further || changed < jobs) && !stop.aborted) {
      const answer = await api.bulk(action, filter, false);
      changed += answer.changed;
      refused += answer.refused ?? 0;
      more = answer.more && answer.changed > 0;
      onProgress(changed);
    }
  }
  return { jobs: changed, refused };
}

function leftOut(
  { unsupported = [], failing = [] }: Partial<Pick<BulkAnswer, 'unsupported' | 'failing'>>,
  without: Set<string>,
): void {
  for (const source of unsupported) without.add(source);
  for (const { source } of failing) without.add(source);
}

/** Where jobs of the filter stand for which the action is possible. */
export function reached(action: Action, filter: JobFilter): readonly Status[] {
  const asked = filter.status.length > 0 ? filter.status : STATUSES;
  return asked.filter((each) => allows(action, each));
}

/** Only the jobs that stand where the action is possible, so that a search need not look at the others. */
function narrowed(action: Action, filter: JobFilter): JobFilter {
  const status = reached(action, filter);
  return status.length > 0 ? { ...filter, status } : filter;
}

function bulkFilters(action: Action, scope: BulkScope): readonly object[] {
  if ('filter' in scope) return [narrowed(action, scope.filter)];
  const names = scope.jobs.map(({ source, id }) => `${source}/${id}`);
  const parts = Math.ceil(names.length / NAMES_MAX);
  return Array.from({ length: parts }, (_, part) => ({
    job: names.slice(part * NAMES_MAX, (part + 1) * NAMES_MAX),
  }));
}
