/**
 * What time alone will change in a list: jobs that are scheduled and pending once they are due. Some are in the list;
 * others would come into it then, and are kept here until they do.
 */

import { type JobFilter, matchesFacets } from './filter';
import { dueAt, type Job } from './protocol';

/** Jobs that a list expects, at most. */
const EXPECTED_MAX = 5_000;

export class Dues {
  readonly #filter: JobFilter;
  readonly #expected = new Map<string, Job>();
  #next = Number.POSITIVE_INFINITY;
  #scheduled: number | null = null;

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

  /**
   * The count of scheduled jobs, with or without events beside it. True where it fell and no event said why: some were
   * due, and the list may lack them.
   */
  missed(scheduled: number, alone: boolean): boolean {
    const before = this.#scheduled;
    this.#scheduled = scheduled;
    return alone && before !== null && scheduled < before && this.#awaited;
  }
}
