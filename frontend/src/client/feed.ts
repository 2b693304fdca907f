/**
 * The events of one page, in order and once, gathered per animation frame.
 *
 * A link may deliver an event again, because another tab asked for it or after a reconnection; the feed drops
 * what this page has had. Listeners get at most one batch per frame, and after many events at once the page rests
 * before it is drawn again: a thousand changes a second cost ten renderings, not a thousand.
 */

import type { Link } from './connection';
import { compareCursors } from './cursor';
import type { ConnectionState, Delivery } from './facts';
import type { JobEvent, Stats } from './protocol';

export interface Batch {
  readonly events: readonly JobEvent[];
  /** Set when the page has to load everything again, and to why. */
  readonly reset: string | null;
  readonly stats: Stats | null;
}

/** Calls back when the page may be drawn next; the browser's is `drawSoon`. */
export type Frames = (callback: () => void) => void;

/** Events kept for a page that is not drawn; beyond it only the newest per job. */
const BUFFER_MAX = 5_000;
/**
 * How long a page rests for each event that it was told, and at most, in milliseconds: single changes are drawn with the
 * next frame, and hundreds a second, which nobody can read one by one, leave it time for a click.
 */
const REST_MS = 4;
const REST_MAX_MS = 100;
/** Of more jobs than this nothing is kept: for a page that was hidden so long it is less to load them again. */
const JOBS_MAX = 20_000;

export class Feed {
  readonly #link: Link;
  readonly #frames: Frames;
  #cursor: string | null = null;
  #from: string | null = null;
  #statsAt: string | null = null;
  #events: JobEvent[] = [];
  /** So many events may be kept before those of a job that has newer ones go. */
  #room = BUFFER_MAX;
  #reset: string | null = null;
  #stats: Stats | null = null;
  #scheduled = false;
  #resting = false;
  readonly #listeners = new Set<(batch: Batch) => void>();

  constructor(link: Link, frames: Frames) {
    this.#link = link;
    this.#frames = frames;
    link.onDelivery((delivery) => this.#receive(delivery));
    link.onState((state) => this.#join(state));
  }

  /** Also after `stop`: a link that others kept open meanwhile went on without this page. */
  start(): void {
    this.#link.start();
    if (this.#cursor !== null) this.#link.cover(this.#cursor);
  }

  stop(): void {
    this.#link.stop();
  }

  wake(): void {
    this.#link.wake();
  }

  setToken(token: string | null): void {
    this.#link.setToken(token);
  }

  state(): ConnectionState {
    return this.#link.state();
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    return this.#link.onState(listener);
  }

  onBatch(listener: (batch: Batch) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A page was loaded as of `cursor`: no event after it may be missing. */
  loadedAt(cursor: string): void {
    if (this.#from !== null && compareCursors(cursor, this.#from) >= 0) return;
    this.#from = cursor;
    this.#cursor = cursor;
    this.#link.cover(cursor);
  }

  /** Whether stats were told that are newer than those of `cursor`. */
  hasStatsAfter(cursor: string): boolean {
    return this.#statsAt !== null && compareCursors(this.#statsAt, cursor) > 0;
  }

  #join(state: ConnectionState): void {
    if (this.#from !== null || state.cursor === null) return;
    this.#from = state.cursor;
    this.#cursor = state.cursor;
  }

  #receive(delivery: Delivery): void {
    switch (delivery.kind) {
      case 'events':
        for (const event of delivery.events) this.#add(event);
        if (this.#events.length > this.#room) this.#makeRoom();
        break;
      case 'stats':
        if (this.#statsAt !== null && compareCursors(delivery.cursor, this.#statsAt) < 0) return;
        this.#statsAt = delivery.cursor;
        this.#stats = delivery.stats;
        break;
      case 'reset':
        this.#events = [];
        this.#reset = delivery.reason;
        this.#from = delivery.cursor;
        this.#cursor = delivery.cursor;
        this.#statsAt = null;
        break;
      default:
        delivery satisfies never;
    }
    this.#schedule();
  }

  #add(event: JobEvent): void {
    if (this.#cursor !== null && compareCursors(event.cursor, this.#cursor) <= 0) return;
    if (this.#from === null) this.#from = event.cursor;
    this.#cursor = event.cursor;
    this.#events.push(event);
  }

  /** Not with every delivery: the more jobs there are, the more it costs. */
  #makeRoom(): void {
    this.#events = newestPerJob(this.#events);
    if (this.#events.length > JOBS_MAX) {
      this.#events = [];
      this.#reset = 'lagged';
    }
    this.#room = this.#events.length + BUFFER_MAX;
  }

  #schedule(): void {
    if (this.#scheduled || this.#resting) return;
    this.#scheduled = true;
    this.#frames(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (!this.#holds()) return;
    const batch: Batch = { events: this.#events, reset: this.#reset, stats: this.#stats };
    this.#events = [];
    this.#room = BUFFER_MAX;
    this.#reset = null;
    this.#stats = null;
    for (const listener of this.#listeners) listener(batch);
    this.#rest(Math.min(REST_MAX_MS, REST_MS * batch.events.length));
  }

  #rest(ms: number): void {
    if (ms === 0) return;
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      if (this.#holds()) this.#schedule();
    }, ms);
  }

  #holds(): boolean {
    return this.#events.length > 0 || this.#reset !== null || this.#stats !== null;
  }
}

function newestPerJob(events: readonly JobEvent[]): JobEvent[] {
  const newest = new Map<string, JobEvent>();
  for (const event of events) {
    const key = `${event.source}/${event.job.id}`;
    // Deleted first, so that the map keeps the order of the newest events.
    newest.delete(key);
    newest.set(key, event);
  }
  return [...newest.values()];
}

/** The next animation frame, or a second from now: a hidden page draws none, and may become hidden meanwhile. */
export const drawSoon: Frames = (callback) => {
  let called = false;
  const once = () => {
    if (called) return;
    called = true;
    clearTimeout(timer);
    callback();
  };
  const timer = setTimeout(once, 1000);
  requestAnimationFrame(once);
};
