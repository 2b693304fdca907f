/**
 * A live, ordered, growing list of jobs: pages from REST, kept up by events.
 *
 * Rows never jump while the list is held (the pointer is on it, or it is scrolled): arrivals wait, departures
 * stay where they are and are marked. Releasing lets both happen.
 *
 * A job whose row went away as it ended (some queues complete a job by deleting it) is shown as it ended for a
 * moment, marked, before its row goes.
 */

import type { Failing, JobPage, Sort } from './api';
import { sameEpoch } from './cursor';
import { Dues } from './dues';
import type { Batch } from './feed';
import { type JobFilter, matches, matchesFacets } from './filter';
import { isGone, type Job, type JobEvent, jobAt, jobKey } from './protocol';
import { Graves, isNews } from './reducer';
import { Rows } from './rows';
import { slim } from './slim';

export type LoadPage = (after: string | null) => Promise<JobPage>;

export interface ListView {
  /** Grows with every change, so that a page knows when to draw. */
  readonly revision: number;
  readonly order: readonly string[];
  /** How many wait to come in, as far as they are counted. */
  readonly waiting: number;
  readonly loaded: boolean;
  readonly loading: boolean;
  readonly more: boolean;
  /** The list grew past what a page should hold; its end was cut off. */
  readonly cut: boolean;
  /** False where the server looked at the newest jobs only, or does not know the past whole. */
  readonly complete: boolean;
  /** Sources that the list is without. */
  readonly failing: readonly Failing[];
  readonly error: Error | null;
}

/** Jobs that wait for the list to be released, at most: of more it is loaded again. A list may be left scrolled for days. */
export const WAITING_MAX = 10_000;
/** Empty pages that are read on for something to show, before a person is asked. */
const PAGES_MAX = 20;
/** How long a row is shown as its job ended, when the row is gone, in milliseconds. */
export const LINGER_MS = 3_000;

export class JobList {
  readonly #load: LoadPage;
  readonly #filter: JobFilter;
  readonly #onLoaded: (cursor: string) => void;
  readonly #rows: Rows;
  readonly #waiting = new Map<string, Job>();
  readonly #departed = new Set<string>();
  readonly #graves = new Graves();
  readonly #dues: Dues;
  readonly #now: () => number;
  /** Events seen while a page is on its way: the page may be older than they are. */
  readonly #meanwhile = new Map<string, JobEvent>();
  #loads = 0;
  #generation = 0;
  /** Where in the log the list was loaded. */
  #loadedAt: string | null = null;
  #next: string | null = null;
  #held = false;
  #stale = 0;
  #view: ListView = {
    revision: 0,
    order: [],
    waiting: 0,
    loaded: false,
    loading: false,
    more: false,
    cut: false,
    complete: true,
    failing: [],
    error: null,
  };
  readonly #listeners = new Set<() => void>();

  constructor(options: {
    readonly load: LoadPage;
    readonly filter: JobFilter;
    readonly sort: Sort;
    /** Called with the cursor of every page that came. */
    readonly onLoaded: (cursor: string) => void;
    /** The time in milliseconds. */
    readonly now?: () => number;
  }) {
    this.#load = options.load;
    this.#filter = options.filter;
    this.#rows = new Rows(options.sort);
    this.#onLoaded = options.onLoaded;
    this.#dues = new Dues(options.filter);
    this.#now = options.now ?? Date.now;
  }

  view = (): ListView => this.#view;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  job(key: string): Job | undefined {
    return this.#rows.jobs.get(key);
  }

  /** Whether the row only waits for the list to be released before it goes. */
  departed(key: string): boolean {
    return this.#departed.has(key);
  }

  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (!held) this.release();
  }

  /** Lets arrivals in and departures out, now. */
  release(): void {
    if (this.#stale > 0) void this.refresh();
    if (this.#waiting.size === 0 && this.#departed.size === 0) return;
    const waited = [...this.#waiting.values()].map((job) => jobAt(job, this.#now()));
    this.#insert(waited.filter((job) => matchesFacets(this.#filter, job)));
    this.#waiting.clear();
    this.#rows.remove(this.#departed);
    this.#departed.clear();
    this.#arrange();
    this.#changed({});
  }

  apply(batch: Batch): void {
    if (batch.reset !== null) void this.refresh();
    if (this.#dues.missed(batch)) this.#refreshWhenLoose();
    if (batch.events.length === 0) return;
    const arrivals = new Map<string, Job>();
    const departures = new Set<string>();
    let changed = false;
    for (const event of batch.events) {
      const key = jobKey(event.job);
      if (this.#loads > 0) this.#meanwhile.set(key, event);
      changed = this.#applyOne(key, event, arrivals, departures) || changed;
    }
    this.#linger(batch.events, departures);
    this.#move(arrivals, departures);
    if (!changed) return;
    this.#arrange();
    this.#changed({});
  }

  /** Lets happen what time alone changes: a job that is due by now is pending, and may come or go with that. */
  tick(): void {
    const now = this.#now();
    const { arrived, turned } = this.#dues.due(now, this.#rows.jobs);
    if (arrived.size === 0 && turned.length === 0) return;
    const departures = new Set<string>();
    for (const key of turned) {
      const job = this.#rows.jobs.get(key);
      if (job === undefined) continue;
      const due = jobAt(job, now);
      this.#rows.jobs.set(key, due);
      if (!matchesFacets(this.#filter, due)) departures.add(key);
    }
    const arrivals = new Map<string, Job>();
    for (const [key, job] of arrived) if (!this.#rows.jobs.has(key)) arrivals.set(key, jobAt(job, now));
    this.#move(arrivals, departures);
    this.#arrange();
    this.#changed({});
  }

  #move(arrivals: ReadonlyMap<string, Job>, departures: ReadonlySet<string>): void {
    if (this.#held) {
      for (const [key, job] of arrivals) this.#waiting.set(key, job);
      if (this.#waiting.size > WAITING_MAX) {
        this.#stale += this.#waiting.size;
        this.#waiting.clear();
      }
      for (const key of departures) this.#departed.add(key);
    } else {
      this.#insert([...arrivals.values()]);
      this.#rows.remove(departures);
    }
  }

  #refreshWhenLoose(): void {
    if (this.#held) {
      this.#stale += 1;
      this.#changed({});
    } else void this.refresh();
  }

  /** Keeps rows whose jobs ended by going away, marked, until a moment has passed. */
  #linger(events: readonly JobEvent[], departures: Set<string>): void {
    const ended = new Set<string>();
    for (const event of events) {
      const key = jobKey(event.job);
      if (isGone(event) && event.type !== 'job_deleted' && departures.delete(key)) ended.add(key);
    }
    if (ended.size === 0) return;
    for (const key of ended) this.#departed.add(key);
    setTimeout(() => {
      if (this.#held) return; // they go when the list is released
      for (const key of ended) if (!this.#departed.delete(key)) ended.delete(key);
      this.#rows.remove(ended);
      this.#changed({});
    }, LINGER_MS);
  }

  #applyOne(key: string, event: JobEvent, arrivals: Map<string, Job>, departures: Set<string>): boolean {
    const known = this.#rows.jobs.get(key) ?? arrivals.get(key) ?? this.#waiting.get(key);
    if (!isNews(known?.version ?? this.#graves.version(key), event)) return false;
    if (isGone(event)) this.#graves.bury(event);
    const now = jobAt(event.job, this.#now());
    const belongs = !isGone(event) && matches(this.#filter, now);
    const job = slim(now);
    if (isGone(event)) this.#dues.gone(key);
    else this.#dues.heard(key, job, belongs);
    if (this.#rows.jobs.has(key)) {
      this.#rows.jobs.set(key, job);
      if (belongs) {
        departures.delete(key);
        this.#departed.delete(key);
      } else departures.add(key);
      return true;
    }
    if (!belongs) return arrivals.delete(key) || this.#waiting.delete(key);
    if (this.#waiting.has(key)) this.#waiting.set(key, job);
    else arrivals.set(key, job);
    return true;
  }

  /** Loads the list again from its beginning and shows it when it is there. */
  async refresh(): Promise<void> {
    const generation = ++this.#generation;
    const wanted = Math.min(this.#rows.keys.length, 2_000);
    this.#stale = 0;
    await this.#during(async () => {
      const jobs: Job[] = [];
      let next: string | null = null;
      let cursor: string | null = null;
      let complete = true;
      const failing = new Map<string, Failing>();
      let tries = 0;
      do {
        const page: JobPage = await this.#load(next);
        if (generation !== this.#generation) return;
        cursor ??= page.cursor;
        jobs.push(...page.jobs);
        next = page.next;
        complete &&= page.complete !== false;
        for (const each of page.failing ?? []) failing.set(each.source, each);
        tries += 1;
        // Until something is found: a page may be empty and not the last.
      } while (next !== null && (jobs.length < wanted || (jobs.length === 0 && tries < PAGES_MAX)));
      this.#onLoaded(cursor);
      this.#view = { ...this.#view, complete: complete || failing.size > 0, failing: [...failing.values()] };
      if (this.#loadedAt !== null && cursor !== null && !sameEpoch(this.#loadedAt, cursor))
        this.#forget(cursor);
      this.#loadedAt = cursor;
      this.#replace(jobs, next);
    });
  }

  /** Asks again in the background: not while somebody points at the list, nor for a long one. */
  async poll(): Promise<void> {
    if (!this.#held && this.#loads === 0 && this.#rows.keys.length <= 500) await this.refresh();
  }

  async loadMore(): Promise<void> {
    if (this.#next === null || this.#loads > 0) return;
    const generation = this.#generation;
    const after = this.#next;
    await this.#during(async () => {
      let place: string | null = after;
      // A page may be empty and not the last: the server looks at a bounded number of rows each time.
      for (let tries = 0; place !== null && tries < PAGES_MAX; tries += 1) {
        const page: JobPage = await this.#load(place);
        if (generation !== this.#generation) return;
        this.#onLoaded(page.cursor);
        this.#append(page.jobs);
        this.#next = page.next;
        place = page.jobs.length > 0 ? null : page.next;
      }
    });
  }

  async #during(work: () => Promise<void>): Promise<void> {
    this.#loads += 1;
    this.#changed({ loading: true });
    let error: Error | null = null;
    try {
      await work();
    } catch (reason) {
      error = reason instanceof Error ? reason : new Error(String(reason));
    }
    this.#loads -= 1;
    if (this.#loads === 0) this.#meanwhile.clear();
    this.#changed({ loading: this.#loads > 0, loaded: this.#view.loaded || error === null, error });
  }

  /** Drops what is known of the epochs before `cursor`: of what a restore has lost, even older versions are news. */
  #forget(cursor: string): void {
    this.#rows.jobs.clear();
    for (const [key, event] of this.#meanwhile)
      if (!sameEpoch(event.cursor, cursor)) this.#meanwhile.delete(key);
  }

  #replace(jobs: readonly Job[], next: string | null): void {
    const known = new Map(this.#rows.jobs);
    this.#rows.jobs.clear();
    this.#rows.keys = [];
    this.#waiting.clear();
    this.#departed.clear();
    this.#graves.clear();
    this.#next = next;
    this.#append(jobs, known);
    // Came to match while the pages were on their way: not in them, and not to be lost.
    const missed = [...this.#meanwhile.values()].filter(
      (event) => !isGone(event) && !this.#rows.jobs.has(jobKey(event.job)),
    );
    const arrived = missed.map((event) => jobAt(event.job, this.#now()));
    this.#insert(arrived.filter((job) => matches(this.#filter, job)).map(slim));
  }

  #append(jobs: readonly Job[], known: ReadonlyMap<string, Job> = this.#rows.jobs): void {
    for (const job of jobs) {
      const key = jobKey(job);
      const event = this.#meanwhile.get(key);
      const newer = event !== undefined && event.version > job.version ? event : null;
      const grave = this.#graves.version(key);
      if ((newer !== null && isGone(newer)) || (grave !== undefined && grave > job.version)) continue;
      const before = known.get(key);
      let current = newer === null ? job : newer.job;
      if (newer === null && before !== undefined && isAhead(before, job)) current = before;
      current = jobAt(current, this.#now());
      this.#dues.heard(key, current, true);
      if (!matchesFacets(this.#filter, current)) continue;
      if (!this.#rows.jobs.has(key)) {
        this.#rows.keys.push(key);
        this.#waiting.delete(key);
      }
      this.#rows.jobs.set(key, current === before ? before : slim(current));
    }
  }

  #insert(jobs: readonly Job[]): void {
    this.#rows.insert(jobs, this.#next !== null);
  }

  /** Not under the pointer. */
  #arrange(): void {
    if (!this.#held) this.#rows.arrange();
  }

  #cutOff(): boolean {
    const { long, cut } = this.#rows.cutOff();
    if (cut) this.#next = null;
    return cut || (this.#view.cut && long);
  }

  #changed(part: Partial<ListView>): void {
    const cut = this.#cutOff();
    this.#view = {
      ...this.#view,
      ...part,
      revision: this.#view.revision + 1,
      order: this.#rows.keys,
      waiting: Math.min(this.#waiting.size + this.#stale, WAITING_MAX),
      more: this.#next !== null,
      cut,
    };
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Whether what is known of a job is newer than what a page says. As old as each other, the page is right about what is due
 * by the database's clock; and of a job that the log never heard of, only pages know anything.
 */
function isAhead(known: Job, page: Job): boolean {
  if (known.version !== page.version) return known.version > page.version;
  return page.version > 0 && known.status === page.status;
}
