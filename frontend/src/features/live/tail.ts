import { compareCursors } from '@/client/cursor';
import type { EventType, JobEvent } from '@/client/protocol';

/** Events kept, and of those, how many are drawn at most. */
const KEPT = 5_000;
const DRAWN = 200;

/** The end of the log, as far as a page keeps it. */
export class Tail {
  /** Oldest first. */
  #events: JobEvent[] = [];
  /** How many came in since the page was opened. */
  added = 0;

  /** Puts older events in front of those that have come by themselves. */
  begin(events: readonly JobEvent[]): void {
    const first = this.#events[0];
    const older =
      first === undefined ? events : events.filter((event) => compareCursors(event.cursor, first.cursor) < 0);
    this.#events = [...older, ...this.#events];
  }

  /** Forgets all: what follows does not join on to it. */
  clear(): void {
    this.#events = [];
  }

  add(events: readonly JobEvent[]): void {
    const last = this.#events.at(-1);
    for (const event of events) {
      if (last !== undefined && compareCursors(event.cursor, last.cursor) <= 0) continue;
      this.#events.push(event);
      this.added += 1;
    }
    if (this.#events.length > KEPT * 1.2) this.#events = this.#events.slice(-KEPT);
  }

  /** The newest that fit, newest first. */
  select(types: ReadonlySet<EventType>, text: string): readonly JobEvent[] {
    const wanted = text.trim().toLowerCase();
    const found: JobEvent[] = [];
    for (let index = this.#events.length - 1; index >= 0 && found.length < DRAWN; index -= 1) {
      const event = this.#events[index];
      if (event === undefined) continue;
      if (types.size > 0 && !types.has(event.type)) continue;
      if (wanted !== '' && !says(event, wanted)) continue;
      found.push(event);
    }
    return found;
  }
}

function says({ job }: JobEvent, wanted: string): boolean {
  return [String(job.id), job.kind, job.queue, job.worker, job.error].some(
    (part) => part?.toLowerCase().includes(wanted) ?? false,
  );
}
