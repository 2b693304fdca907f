/**
 * What time alone will change in a list: jobs that are scheduled and pending once they are due. Some are in the list;
 * others would come into it then, and are kept here until they do.
 */

import type { Batch } from './feed';
import { type JobFilter, matchesFacets } from './filter';
import { dueAt, type Job } from './protocol';

/** Jobs that a list expects, at most. */
const EXPECTED_MAX = 5_000;

export class Dues {
  readonly #filter: JobFilter;
  readonly #expected = new Map<string, Job>();
  #next = Number.POSITIVE_INFINITY;
  #scheduled: number | null = null;
  /** By how much events since then have changed it. */
  #told = 0;

  constructor(filter: JobFilter) {
    this.#filter = filter;
  }

  /** Whether jobs can come into the list by being due. */
  get #awaited(): boolean {
    const { status, q } = this.#filter;
    return q === '' && status.includes('pending') && !status.includes('scheduled');
  }

  /** A job as it was last heard of, in the list or not. */
  heard(key: string, job: Job, listed: boolean): void {
    this.#expected.delete(key);
    const at = dueAt(job);
    if (at === Number.POSITIVE_INFINITY) return;
    if (listed) this.#next = Math.min(this.#next, at);
    else if (this.#awaited && matchesFacets(this.#filter, { ...job, status: 'pending' })) {
      if (this.#expected.size >= EXPECTED_MAX) return;
      this.#expected.set(key, job);
      this.#next = Math.min(this.#next, at);
    }
  }

  gone(key: string): void {
    this.#expected.delete(key);
  }

  /** What was expected and is due by now, and which of the listed jobs are; mostly nothing, without looking. */
  due(
    now: number,
    listed: Iterable<readonly [string, Job]>,
  ): { arrived: Map<string, Job>; turned: string[] } {
    const arrived = new Map<string, Job>();
    const turned: string[] = [];
    if (now < this.#next) return { arrived, turned };
    this.#next = Number.POSITIVE_INFINITY;
    for (const [key, job] of this.#expected) {
      if (dueAt(job) > now) this.#next = Math.min(this.#next, dueAt(job));
      else {
        arrived.set(key, job);
        this.#expected.delete(key);
      }
    }
    for (const [key, job] of listed) {
      if (dueAt(job) > now) this.#next = Math.min(this.#next, dueAt(job));
      else turned.push(key);
    }
    return { arrived, turned };
  }

  /** Whether what a batch counts and tells does not add up: fewer are scheduled than its events say, so some were due. */
  missed({ events, stats }: Batch): boolean {
    for (const { change } of events) {
      if (change.from === 'scheduled') this.#told -= 1;
      if (change.to === 'scheduled' && change.deleted !== true) this.#told += 1;
    }
    if (stats === null) return false;
    const expected = this.#scheduled === null ? null : this.#scheduled + this.#told;
    this.#scheduled = stats.scheduled;
    this.#told = 0;
    if (!this.#awaited) return false;
    // The first count says nothing by itself; but one that comes alone, comes because of time.
    return expected === null ? events.length === 0 : stats.scheduled < expected;
  }
}
