/** The rows of a list, in their order. */

import type { Sort } from './api';
import { comparator } from './jobOrder';
import { type Job, jobKey } from './protocol';

/** Rows a page holds at most. */
const ROWS_MAX = 120_000;
const ROWS_CUT = 100_000;
const SORTED_MAX = 2_000;

export class Rows {
  readonly jobs = new Map<string, Job>();
  keys: string[] = [];
  readonly #order: (a: Job, b: Job) => number;
  /** Whether an update can change a job's place. */
  readonly #moving: boolean;

  constructor(sort: Sort) {
    this.#order = comparator(sort);
    this.#moving = sort !== 'newest' && sort !== 'oldest';
  }

  /** Puts jobs that are not there yet where they belong; `more` says that the list goes on after its rows. */
  insert(jobs: readonly Job[], more: boolean): void {
    const fresh = jobs.filter((job) => !this.jobs.has(jobKey(job))).sort(this.#order);
    if (fresh.length === 0) return;
    const keys: string[] = [];
    const last = this.keys.at(-1);
    const lastJob = last === undefined ? undefined : this.jobs.get(last);
    for (const job of fresh) {
      // What belongs after the loaded part comes with its page.
      if (more && lastJob !== undefined && this.#order(job, lastJob) > 0) continue;
      keys.push(jobKey(job));
    }
    const firstKey = this.keys[0];
    const first = firstKey === undefined ? undefined : this.jobs.get(firstKey);
    const byKey = new Map(fresh.map((job) => [jobKey(job), job]));
    for (const key of keys) {
      const job = byKey.get(key);
      if (job !== undefined) this.jobs.set(key, job);
    }
    const lowest = keys.at(-1) === undefined ? undefined : byKey.get(keys.at(-1) ?? '');
    if (first === undefined || lowest === undefined || this.#order(lowest, first) <= 0)
      this.keys.unshift(...keys);
    else this.keys = this.#merge(keys);
  }

  #merge(keys: readonly string[]): string[] {
    const merged: string[] = [];
    let i = 0;
    for (const key of this.keys) {
      const here = this.jobs.get(key);
      while (i < keys.length && here !== undefined) {
        const candidate = keys[i];
        const job = candidate === undefined ? undefined : this.jobs.get(candidate);
        if (candidate === undefined || job === undefined || this.#order(job, here) > 0) break;
        merged.push(candidate);
        i += 1;
      }
      merged.push(key);
    }
    merged.push(...keys.slice(i));
    return merged;
  }

  remove(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    for (const key of keys) this.jobs.delete(key);
    this.keys = this.keys.filter((key) => !keys.has(key));
  }

  /** Puts rows where their jobs belong by now; not those of a list too long to sort each time. */
  arrange(): void {
    if (!this.#moving || this.keys.length > SORTED_MAX) return;
    this.keys = [...this.keys].sort((a, b) => {
      const [one, other] = [this.jobs.get(a), this.jobs.get(b)];
      return one === undefined || other === undefined ? 0 : this.#order(one, other);
    });
  }

  /** Drops the end of what is more than a page holds: whether it did, and whether the list is as long as after that. */
  cutOff(): { readonly cut: boolean; readonly long: boolean } {
    const cut = this.keys.length > ROWS_MAX;
    if (cut) for (const key of this.keys.splice(ROWS_CUT)) this.jobs.delete(key);
    return { cut, long: this.keys.length >= ROWS_CUT };
  }
}
